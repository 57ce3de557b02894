//! The command line as it is written. The only file that knows clap; what the words mean is decided in
//! [`settings`](super::settings).

use clap::{Args, Parser, Subcommand, ValueEnum, builder::NonEmptyStringValueParser};
use std::path::PathBuf;

/// Compiles a cluster described in YAML profiles and Butane fragments into what its machines need for
/// their first boot: Ignition for Flatcar, cloud-init for AlmaLinux.
#[derive(Debug, Parser)]
#[command(
    name = "bake",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = "Exit status: 0 done, 1 the input was refused, 2 bake failed or was misused."
)]
pub(super) struct Line {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Debug, Args)]
pub(super) struct Global {
    /// Work in this folder, which holds `profiles/` and `butane/`; other paths are relative to it
    #[arg(short = 'C', value_name = "DIR", global = true, default_value = ".", hide_default_value = true)]
    pub(super) directory: PathBuf,
    /// Colours: `auto` asks the terminal, NO_COLOR and CLICOLOR_FORCE
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto")]
    pub(super) color: When,
    /// Say nothing but errors and warnings
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Say every file that is written
    #[arg(short, long, global = true)]
    pub(super) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Start a project of one's own from one of the clusters that bake brings along; on a terminal it asks for the values
    /// that differ from home to home
    Init(Init),
    /// Compile nodes; nothing is written unless all of them compile
    Build(Build),
    /// Find what would fail at run time, without writing anything
    Check(Check),
    /// Say what a new build would change, what that means for each node, and in which order to do it
    Diff(Diff),
    /// Compare an output with its manifest
    Verify(Verify),
    /// Rehearse the built cluster with the real HAProxy and Keepalived, in network namespaces; needs root
    Lab(Lab),
    /// Print the JSON Schema of a kind of profile, for editors
    Schema(Schema),
    /// Translate one Butane config, as the butane command does; `bake transpile -h` for its own options
    Transpile,
    /// Say what a finding means, what a node is made of (`explain node NAME`), where VIPs go when something fails
    /// (`explain vip [NAME]`), or which way a connection takes (`explain route FROM TO[:PORT]`); without a code, list
    /// all of them
    Explain(Explain),
}

#[derive(Debug, Args)]
pub(super) struct Init {
    /// Where: a folder that is empty or not there yet
    #[arg(value_name = "DIR", default_value = ".")]
    pub(super) folder: PathBuf,
    /// The cluster to start from [default: microcloud]
    #[arg(long, value_name = "EXAMPLE")]
    pub(super) from: Option<String>,
    /// A value in place of the example's; `--list` with `--from` says which there are
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) values: Vec<String>,
    /// Ask nothing: keep the example's values where `--set` has none
    #[arg(short, long)]
    pub(super) yes: bool,
    /// List the clusters, or the values of the one that `--from` names
    #[arg(long)]
    pub(super) list: bool,
    /// How to report
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Form,
}

#[derive(Debug, Args)]
pub(super) struct Build {
    /// Only these nodes: names or patterns such as 'worker*', 'master?'; the others stay as they were built
    #[arg(short, long = "node", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(super) nodes: Vec<String>,
    /// The nodes named in this file as well, one a line; an empty file is no node
    #[arg(long, value_name = "FILE")]
    pub(super) nodes_file: Option<PathBuf>,
    /// Write the files of one node into the folder itself, which must be empty or not exist; no manifest
    #[arg(long)]
    pub(super) flat: bool,
    /// `omit` reads no secret and leaves marked gaps; files with gaps are called `*.incomplete`
    #[arg(long, value_name = "WHAT", default_value = "read")]
    pub(super) secrets: Secrets,
    /// Where to write; the folder is replaced as a whole
    #[arg(short, long, value_name = "DIR", default_value = "dist")]
    pub(super) out: PathBuf,
    /// Where the profiles are
    #[arg(long, value_name = "DIR", default_value = "profiles", value_parser = NonEmptyStringValueParser::new())]
    pub(super) profiles: String,
    /// How many nodes to compile at once [default: the number of processors]
    #[arg(short, long, value_name = "N")]
    pub(super) jobs: Option<std::num::NonZeroUsize>,
    /// How to report
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Form,
}

#[derive(Debug, Args)]
pub(super) struct Check {
    /// How to report
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Report,
    /// Only this rule; may be given several times
    #[arg(long = "rule", value_name = "CODE")]
    pub(super) rules: Vec<String>,
    /// Fail on warnings, too
    #[arg(long)]
    pub(super) strict: bool,
    /// Where the profiles are
    #[arg(long, value_name = "DIR", default_value = "profiles", value_parser = NonEmptyStringValueParser::new())]
    pub(super) profiles: String,
}

#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 nothing changes, 1 something does, 2 it cannot be told.")]
pub(super) struct Diff {
    /// What there is: an output of `bake build`, or a git revision of the project, which is compiled [default: dist]
    #[arg(value_name = "OLD")]
    pub(super) old: Option<String>,
    /// What will be, likewise [default: the project as it is]
    #[arg(value_name = "NEW")]
    pub(super) new: Option<String>,
    /// Only these nodes: names or patterns such as 'worker*'
    #[arg(short, long = "node", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(super) nodes: Vec<String>,
    /// How many workers may be away at once
    #[arg(long, value_name = "N", default_value = "1")]
    pub(super) max_unavailable: std::num::NonZeroUsize,
    /// Where the profiles are
    #[arg(long, value_name = "DIR", default_value = "profiles", value_parser = NonEmptyStringValueParser::new())]
    pub(super) profiles: String,
    /// How to report
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Form,
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The output to check
    #[arg(value_name = "DIR", default_value = "dist")]
    pub(super) folder: PathBuf,
    /// Build the project again, elsewhere, with other threads, umask, locale and time zone, and compare every byte
    #[arg(long)]
    pub(super) rebuild: bool,
    /// Where the profiles are
    #[arg(long, value_name = "DIR", default_value = "profiles", value_parser = NonEmptyStringValueParser::new())]
    pub(super) profiles: String,
    /// How to report
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Form,
}

#[derive(Debug, Args)]
pub(super) struct Lab {
    #[command(subcommand)]
    pub(super) verb: LabVerb,
}

#[derive(Debug, Subcommand)]
pub(super) enum LabVerb {
    /// Build the lab and leave it up
    Up(LabUp),
    /// Remove a lab, also one whose `up` or `test` was killed
    Down(LabName),
    /// Say what is up, and who holds which virtual address
    Status(LabName),
    /// Run a command on a machine of the lab
    Exec(LabExec),
    /// Build a lab, break things, and compare what happens with what was foretold
    Test(LabTest),
    /// Tell what a run found once more, from its JSON
    Report(LabReport),
    /// First process of the sandbox
    #[command(hide = true)]
    Inside(LabRequest),
    /// First process of a machine
    #[command(hide = true)]
    First(LabRequest),
    /// First process of a container
    #[command(hide = true)]
    Contain(LabRequest),
    /// First process of a machine with systemd
    #[command(hide = true)]
    Boot(LabRequest),
    /// Stand-in for Docker and Podman on a machine with systemd
    #[command(hide = true)]
    Engine(LabWords),
}

#[derive(Debug, Args)]
pub(super) struct LabReport {
    /// What `bake lab test --format json` printed; `-` for standard input
    #[arg(value_name = "RESULT.json")]
    pub(super) result: PathBuf,
    #[command(flatten)]
    pub(super) told: LabTold,
}

/// How what a run of the lab found is told.
#[derive(Debug, Args)]
pub(super) struct LabTold {
    /// How to report
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Found,
    /// Write a page with drawings and charts, too
    #[arg(long, value_name = "FILE.html")]
    pub(super) report: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct LabUp {
    /// The output to rehearse
    #[arg(value_name = "DIR", default_value = "dist")]
    pub(super) folder: PathBuf,
    /// Name of the lab [default: the cluster's]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(super) name: Option<String>,
    /// How much of a machine is real
    #[arg(long, value_name = "LEVEL", default_value = "daemons")]
    pub(super) level: LabLevel,
}

/// Levels of the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LabLevel {
    /// HAProxy and Keepalived, started directly
    Daemons,
    /// Balancers boot systemd from what Ignition or cloud-init makes of what was baked
    Systemd,
}

#[derive(Debug, Args)]
pub(super) struct LabName {
    /// Name of the lab [default: the only one, or all]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(super) name: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct LabExec {
    /// Name of the lab [default: the only one]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(super) name: Option<String>,
    /// The machine: a node, or any other name that `status` lists
    pub(super) node: String,
    /// The command
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct LabTest {
    /// The output to rehearse
    #[arg(value_name = "DIR", default_value = "dist")]
    pub(super) folder: PathBuf,
    /// Name of the lab [default: one of its own]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(super) name: Option<String>,
    /// How much of a machine is real
    #[arg(long, value_name = "LEVEL", default_value = "daemons")]
    pub(super) level: LabLevel,
    /// Only these scenarios: names or patterns; `short` is a selection of them
    #[arg(long = "scenario", value_name = "NAME")]
    pub(super) scenarios: Vec<String>,
    /// In how many labs at once [default: the number of processors, at most 4]
    #[arg(short, long, value_name = "N")]
    pub(super) jobs: Option<std::num::NonZeroUsize>,
    #[command(flatten)]
    pub(super) told: LabTold,
}

#[derive(Debug, Args)]
pub(super) struct LabWords {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) words: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct LabRequest {
    pub(super) request: String,
}

#[derive(Debug, Args)]
pub(super) struct Schema {
    /// `cluster`, `role` or `node`
    pub(super) kind: String,
}

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The code, as in `error[unknown-key]`; or `node`, `role`, `vip` or `route`
    pub(super) what: Option<String>,
    /// The node, the role, the VIP, or who connects: a node, VIP or network, an address, or a place as in `flows`
    pub(super) name: Option<String>,
    /// For `route`: to whom, likewise; with `:PORT` or `:PORT/udp`, or else it is a ping
    #[arg(value_name = "TO[:PORT]")]
    pub(super) to: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum When {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// For people
    Text,
    /// For programs, on standard output
    Json,
}

/// What becomes of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Secrets {
    /// Their values are read
    Read,
    /// None is read
    Omit,
}

/// Forms of what a lab found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Found {
    /// For people
    Text,
    /// For programs, on standard output
    Json,
    /// For continuous integration (JUnit's XML), on standard output
    Junit,
}

/// Forms of a report about a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Report {
    /// For people
    Text,
    /// For programs, on standard output
    Json,
    /// For code scanning (SARIF 2.1.0), on standard output
    Sarif,
}

/// A command line that asks for no verb: help, the version, or a mistake.
#[derive(Debug)]
pub(super) struct Refusal {
    /// What to say, with escape sequences and without.
    pub(super) text: (String, String),
    /// Whether it was asked for: then it belongs on standard output.
    pub(super) asked: bool,
}

/// Reads the arguments of this process.
pub(super) fn read() -> Result<Line, Refusal> {
    Line::try_parse().map_err(|error| {
        let text = error.render();
        Refusal { text: (text.ansi().to_string(), text.to_string()), asked: !error.use_stderr() }
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_table_of_arguments_is_sound() {
        super::Line::command().debug_assert();
    }
}
