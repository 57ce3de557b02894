//! A machine as its artefacts make it: one form for Ignition and cloud-init, so that any two can be compared.
//!
//! Everything is an [`Item`] with a topic and a name; what is said about it stands in fields, and what a file or unit
//! holds in its body. Readers fill it ([`read`](super::read())); nothing here knows where it came from.

use std::collections::{BTreeMap, BTreeSet};

/// What an item is. The order is that of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// The machine itself: operating system, host name, time zone.
    Machine,
    /// A network card with its addresses.
    Interface,
    /// A route.
    Route,
    /// A group.
    Group,
    /// A user.
    User,
    /// A public key that may log in.
    Key,
    /// How much of a virtual machine there is, and of what type.
    Hardware,
    /// A virtual network card, by its position.
    Card,
    /// A virtual disk by its serial number, or what is made on one: partitions, a RAID, an encrypted volume.
    Disk,
    /// A file system, and where it is mounted.
    Filesystem,
    /// A container, by the name of its service.
    Container,
    /// A systemd unit.
    Unit,
    /// A drop-in of a unit.
    DropIn,
    /// A kernel setting.
    Sysctl,
    /// A kernel module that is loaded at boot.
    Module,
    /// A command that the image must have.
    Command,
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A link.
    Link,
    /// A setting of Ignition or cloud-init themselves.
    Setting,
    /// Commands of the first boot that are none of the above.
    Script,
    /// A network of the hypervisor.
    Network,
    /// An image that disks start from, by operating system.
    Image,
    /// Where the hypervisor keeps disks.
    Pool,
    /// The Terraform provider that the module is written for.
    Provider,
    /// An artefact as a whole, where nothing else tells what is different in it.
    Artefact,
}

/// A value of a field.
#[derive(Clone, PartialEq, Eq)]
pub struct Value {
    /// The value in words.
    pub text: String,
    /// Whether it is never shown.
    pub secret: bool,
}

/// What a file holds.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Body {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What of it is never shown.
    pub secret: Secret,
}

/// What of a text is never shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Secret {
    /// All of it may be shown.
    #[default]
    Nothing,
    /// These lines, counted from 1.
    Lines(BTreeSet<usize>),
    /// All of it.
    Everything,
}

/// Something that a machine has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Item {
    /// What is said about it, by name.
    pub fields: BTreeMap<&'static str, Value>,
    /// What it holds.
    pub body: Option<Body>,
}

/// Everything that a machine has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Machine {
    /// By topic and name.
    pub items: BTreeMap<(Topic, String), Item>,
}

impl std::fmt::Debug for Value {
    /// Without a value that is never shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.secret { f.write_str("(secret)") } else { self.text.fmt(f) }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "({} bytes)", self.bytes.len())
    }
}

impl Item {
    /// Says something about it; an empty text says nothing.
    pub fn set(&mut self, field: &'static str, text: impl Into<String>) -> &mut Self {
        let text = text.into();
        if text.is_empty() {
            self.fields.remove(field);
        } else {
            self.fields.insert(field, Value { text, secret: false });
        }
        self
    }

    /// Says something that is never shown.
    pub fn hide(&mut self, field: &'static str, text: impl Into<String>) -> &mut Self {
        self.fields.insert(field, Value { text: text.into(), secret: true });
        self
    }

    /// What is said.
    pub fn get(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(|value| value.text.as_str())
    }

    /// The body as text, if it is one.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.body.as_ref()?.bytes).ok()
    }
}

impl Machine {
    /// The item, made if it is not there.
    pub fn item(&mut self, topic: Topic, name: impl Into<String>) -> &mut Item {
        self.items.entry((topic, name.into())).or_default()
    }

    /// The item, if it is there.
    pub fn get(&self, topic: Topic, name: &str) -> Option<&Item> {
        self.items.get(&(topic, name.to_owned()))
    }

    /// All items of a topic with their names.
    pub fn all(&self, topic: Topic) -> impl Iterator<Item = (&str, &Item)> {
        let from = (topic, String::new());
        self.items.range(from..).take_while(move |((own, _), _)| *own == topic).map(|((_, name), item)| (&**name, item))
    }
}
