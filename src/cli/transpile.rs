//! `bake transpile`: takes the place of the `butane` command, switches and exit statuses included.
//!
//! Its arguments are read by the rules of that command, which scripts rely on, and not by those of the rest
//! of the command line.

use super::args::When;
use super::settings;
use super::show::Show;
use crate::butane::{Compiled, compile, describe, locals_from, read_input, write_output};
use std::ffi::OsString;
use std::io::Read as _;
use std::process::ExitCode;

const USAGE: &str = "\
Usage: bake transpile [options] [input-file]
Options:
  -c, --check                     check config without producing output
      --color string[=\"always\"]   control color output: \"auto\", \"always\", or \"never\" (default \"auto\")
  -d, --files-dir string          allow embedding local files from this directory
      --explain                   say more than butane does: what is accepted and probably not meant
  -h, --help                      show usage and exit
  -o, --output string             write to output file instead of stdout
  -p, --pretty                    output formatted json
  -r, --raw                       never wrap in a MachineConfig; force Ignition output
      --raw-errors                show raw errors, rather than pretty printing them
  -s, --strict                    fail on any warning
  -V, --version                   print the version and exit";

/// What was asked for.
#[derive(Debug, Default)]
struct Asked {
    check: bool,
    explain: bool,
    pretty: bool,
    raw: bool,
    raw_errors: bool,
    strict: bool,
    help: bool,
    version: bool,
    debug: bool,
    colour: String,
    files_dir: String,
    output: String,
    input: String,
    /// How often `--input` was used, which is out of fashion.
    old_inputs: usize,
    files: Vec<String>,
}

/// Where a switch puts its value.
enum Slot<'a> {
    Switch(&'a mut bool),
    Value(&'a mut String),
    /// A value that may be left out.
    Colour(&'a mut String),
}

/// Long names with their short ones.
const SWITCHES: &[(&str, char)] = &[
    ("check", 'c'),
    ("color", '\0'),
    ("colour", '\0'),
    ("debug", 'D'),
    ("explain", '\0'),
    ("files-dir", 'd'),
    ("help", 'h'),
    ("input", '\0'),
    ("output", 'o'),
    ("pretty", 'p'),
    ("raw", 'r'),
    ("raw-errors", '\0'),
    ("strict", 's'),
    ("version", 'V'),
];

impl Asked {
    /// Reads all arguments, or up to the first that is wrong, and says what is.
    fn read(arguments: impl Iterator<Item = OsString>) -> (Self, Result<(), String>) {
        let mut asked = Self { colour: "auto".to_owned(), ..Self::default() };
        let read = asked.arguments(arguments);
        (asked, read)
    }

    fn arguments(&mut self, arguments: impl Iterator<Item = OsString>) -> Result<(), String> {
        let mut arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                self.files.extend(arguments);
                break;
            }
            if let Some(long) = argument.strip_prefix("--") {
                self.long(long, &mut arguments)?;
            } else if argument.len() > 1 && argument.starts_with('-') {
                self.short(&argument[1..], &mut arguments)?;
            } else {
                self.files.push(argument);
            }
        }
        Ok(())
    }

    fn slot(&mut self, name: &str) -> Option<Slot<'_>> {
        Some(match name {
            "check" => Slot::Switch(&mut self.check),
            "color" | "colour" => Slot::Colour(&mut self.colour),
            "explain" => Slot::Switch(&mut self.explain),
            "debug" => Slot::Switch(&mut self.debug),
            "files-dir" => Slot::Value(&mut self.files_dir),
            "help" => Slot::Switch(&mut self.help),
            "input" => Slot::Value(&mut self.input),
            "output" => Slot::Value(&mut self.output),
            "pretty" => Slot::Switch(&mut self.pretty),
            "raw" => Slot::Switch(&mut self.raw),
            "raw-errors" => Slot::Switch(&mut self.raw_errors),
            "strict" => Slot::Switch(&mut self.strict),
            "version" => Slot::Switch(&mut self.version),
            _ => return None,
        })
    }

    fn long(&mut self, argument: &str, rest: &mut dyn Iterator<Item = String>) -> Result<(), String> {
        if argument.is_empty() || argument.starts_with(['-', '=']) {
            return Err(format!("bad flag syntax: --{argument}"));
        }
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (argument, None),
        };
        let Some(slot) = self.slot(name) else { return Err(format!("unknown flag: --{name}")) };
        match (slot, value) {
            (Slot::Switch(switch), None) => *switch = true,
            (Slot::Switch(switch), Some(value)) => *switch = truth(&value, name)?,
            (Slot::Value(slot) | Slot::Colour(slot), Some(value)) => *slot = value,
            (Slot::Colour(slot), None) => "always".clone_into(slot),
            (Slot::Value(slot), None) => {
                *slot = rest.next().ok_or_else(|| format!("flag needs an argument: --{name}"))?;
            }
        }
        self.old_inputs += usize::from(name == "input");
        Ok(())
    }

    fn short(&mut self, letters: &str, rest: &mut dyn Iterator<Item = String>) -> Result<(), String> {
        for (at, letter) in letters.char_indices() {
            let after = &letters[at + letter.len_utf8()..];
            let name = SWITCHES.iter().find(|(_, short)| *short == letter).map(|(name, _)| *name);
            let Some((name, slot)) = name.and_then(|name| Some((name, self.slot(name)?))) else {
                let byte = letters.as_bytes().get(at).copied().map_or(letter, char::from);
                return Err(format!("unknown shorthand flag: '{byte}' in -{}", &letters[at..]));
            };
            match (slot, after.strip_prefix('=')) {
                (Slot::Switch(switch), Some(value)) if after.len() > 1 => {
                    *switch = truth(value, name)?;
                    return Ok(());
                }
                (Slot::Switch(switch), _) => *switch = true,
                (Slot::Value(slot) | Slot::Colour(slot), Some(value)) if after.len() > 1 => {
                    value.clone_into(slot);
                    return Ok(());
                }
                (Slot::Value(slot) | Slot::Colour(slot), _) if !after.is_empty() => {
                    after.clone_into(slot);
                    return Ok(());
                }
                (Slot::Value(slot) | Slot::Colour(slot), _) => {
                    let missing = || format!("flag needs an argument: '{letter}' in -{}", &letters[at..]);
                    *slot = rest.next().ok_or_else(missing)?;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Whether to colour.
    fn when(&self) -> When {
        match self.colour.as_str() {
            "always" | "yes" => When::Always,
            "auto" => When::Auto,
            _ => When::Never,
        }
    }
}

/// The values that switches take.
fn truth(value: &str, name: &str) -> Result<bool, String> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => {
            let short =
                SWITCHES.iter().find(|(long, _)| *long == name).map(|(_, short)| *short).filter(|short| *short != '\0');
            let short = short.map(|short| format!("-{short}, ")).unwrap_or_default();
            Err(format!(
                "invalid argument \"{value}\" for \"{short}--{name}\" flag: strconv.ParseBool: parsing \"{value}\": invalid syntax"
            ))
        }
    }
}

/// Runs with the arguments behind `transpile`.
pub(super) fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let (mut asked, read) = Asked::read(arguments);
    let show = settings::show(read.is_ok().then(|| asked.when()));
    for _ in 0..asked.old_inputs {
        show.note("Flag --input has been deprecated, specify filename directly on command line");
    }
    if let Err(why) = read {
        show.note(&format!("{USAGE}\n{why}"));
        return ExitCode::from(2);
    }
    if let ([file], true) = (asked.files.as_slice(), asked.input.is_empty()) {
        asked.input.clone_from(file);
    } else if !asked.files.is_empty() {
        show.note(USAGE);
        return ExitCode::from(2);
    }
    if asked.help {
        show.result(&format!("{USAGE}\n"));
    } else if asked.version {
        show.result(concat!("bake ", env!("CARGO_PKG_VERSION"), " (as Butane 0.29.0)\n"));
    } else if let Err(why) = transpile(&asked, &show) {
        show.note(&why);
        return ExitCode::from(1);
    }
    ExitCode::from(u8::from(show.failed()))
}

fn transpile(asked: &Asked, show: &Show) -> Result<(), String> {
    let (name, bytes) = if asked.input.is_empty() {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut bytes);
        read.map_err(|error| format!("failed to read /dev/stdin: {}", describe("read", "/dev/stdin", &error)))?;
        ("<stdin>", bytes)
    } else {
        (asked.input.as_str(), read_input(&asked.input)?)
    };
    let directory = Some(asked.files_dir.as_str());
    let compiled = compile(name, &bytes, &mut locals_from(directory));
    report(&compiled, asked, show);
    if asked.explain {
        show.findings(&compiled.sources, &compiled.advice(), &str::to_owned);
    }
    if let Some(failure) = &compiled.failure {
        return Err(format!("Error translating config: {failure}"));
    }
    if asked.strict && !compiled.report.is_empty() {
        return Err("Config produced warnings and --strict was specified".to_owned());
    }
    let mut json = compiled.json(asked.pretty).unwrap_or_default();
    json.push('\n');
    if asked.check {
        Ok(())
    } else if asked.output.is_empty() {
        show.result(&json);
        Ok(())
    } else {
        write_output(&asked.output, json.as_bytes())
    }
}

fn report(compiled: &Compiled, asked: &Asked, show: &Show) {
    if asked.raw_errors {
        let lines: Vec<String> = compiled.report.iter().map(ToString::to_string).collect();
        if !lines.is_empty() {
            show.note(&lines.join("\n"));
        }
    } else {
        show.findings(&compiled.sources, &compiled.diagnostics(), &str::to_owned);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Asked, String> {
        let (asked, read) = Asked::read(arguments.iter().map(OsString::from));
        read.map(|()| asked)
    }

    #[test]
    fn switches_are_read_as_the_other_command_reads_them() {
        let asked = read(&["-psd", "files", "--color", "a.bu", "--output=x", "--strict=f"]).unwrap();
        assert!(asked.pretty && !asked.strict);
        assert_eq!((asked.files_dir.as_str(), asked.colour.as_str(), asked.output.as_str()), ("files", "always", "x"));
        assert_eq!(asked.files, ["a.bu"]);
        assert_eq!(read(&["-", "--", "-p"]).unwrap().files, ["-", "-p"]);
        assert_eq!(read(&["-dfiles"]).unwrap().files_dir, "files");
    }

    #[test]
    fn mistakes_are_named() {
        for (arguments, why) in [
            (&["--nope"][..], "unknown flag: --nope"),
            (&["-pz"], "unknown shorthand flag: 'z' in -z"),
            (&["--output"], "flag needs an argument: --output"),
            (&["-d"], "flag needs an argument: 'd' in -d"),
            (&["--=x"], "bad flag syntax: --=x"),
        ] {
            assert_eq!(read(arguments).map(|_| ()), Err(why.to_owned()));
        }
    }
}
