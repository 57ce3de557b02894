//! What templates see.
//!
//! What the whole cluster shares is made once; a node is a position in the list of nodes, and its attributes are
//! made when a template asks. Keys without a value are not there at all: using one is an error that names it.

use super::convert;
use super::shape::{self, address_on, interface, listen, text, texts};
use crate::load::secret::Secrets;
use crate::model::cluster::{Candidacy, Cluster, Node};
use crate::model::profile::container::Runtime;
use minijinja::value::{Enumerator, Object, ObjectRepr, Value};
use minijinja::{Error, ErrorKind, State};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What all nodes share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) cluster: Arc<Cluster>,
    pub(super) secrets: Arc<Secrets>,
    /// `cluster`, `networks` and `vips`.
    globals: BTreeMap<&'static str, Value>,
    /// Nodes by role, as positions.
    roles: BTreeMap<String, Arc<[usize]>>,
}

/// The names that every template can use.
pub(super) const NAMES: &[&str] = &["cluster", "networks", "node", "nodes", "role", "secrets", "values", "vips"];

impl Shared {
    pub(super) fn new(cluster: Arc<Cluster>, secrets: Arc<Secrets>) -> Self {
        let profile = &cluster.profile;
        let networks = profile.networks.iter().map(|(name, network)| (name.clone(), shape::network(name, network)));
        let vips = cluster.vips.iter().map(|vip| (vip.name.clone(), shape::vip(&cluster, vip)));
        let globals = BTreeMap::from([
            ("cluster", shape::cluster(&cluster)),
            ("networks", Value::from_pairs(networks)),
            ("vips", Value::from_pairs(vips)),
        ]);
        let mut roles: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, node) in cluster.nodes.iter().enumerate() {
            for role in &node.roles {
                let list = roles.entry(role.value.clone()).or_default();
                if list.last() != Some(&at) {
                    list.push(at);
                }
            }
        }
        let roles = roles.into_iter().map(|(name, list)| (name, list.into())).collect();
        Self { cluster, secrets, globals, roles }
    }
}

/// What one rendering sees; notes what it uses.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) shared: Arc<Shared>,
    pub(super) node: usize,
    secrets: Arc<SecretUse>,
}

impl Scope {
    pub(super) fn new(shared: Arc<Shared>, node: usize) -> Self {
        Self::with(shared, node, false)
    }

    /// The same with other secrets: no character of a value stays what it is, line breaks do.
    pub(super) fn disguised(shared: Arc<Shared>, node: usize) -> Self {
        Self::with(shared, node, true)
    }

    fn with(shared: Arc<Shared>, node: usize, disguised: bool) -> Self {
        let (used, unset) = (AtomicBool::new(false), Mutex::new(Vec::new()));
        let secrets = SecretUse { shared: shared.clone(), disguised, used, unset };
        Self { shared, node, secrets: Arc::new(secrets) }
    }

    pub(super) fn value(self: &Arc<Self>) -> Value {
        Value::from_dyn_object(self.clone())
    }

    pub(super) fn used_secret(&self) -> bool {
        self.secrets.used.load(Ordering::Relaxed)
    }

    /// Name of a secret that was used although it has no value.
    pub(super) fn unset(&self) -> Option<String> {
        self.secrets.unset.lock().ok()?.first().cloned()
    }

    pub(super) fn own_node(&self) -> Option<&Node> {
        self.shared.cluster.nodes.get(self.node)
    }

    fn look_up(&self, name: &str) -> Option<Value> {
        let shared = &self.shared;
        let at = self.node;
        Some(match name {
            "node" => Value::from_object(NodeView { shared: shared.clone(), at, own: true }),
            "nodes" => Value::from_object(NodeList { shared: shared.clone(), at: None }),
            "role" => Value::from_object(RoleFunction(shared.clone())),
            "values" => Value::from_object(Values { shared: shared.clone(), at }),
            "secrets" => Value::from_dyn_object(self.secrets.clone()),
            _ => return shared.globals.get(name).cloned(),
        })
    }
}

impl Object for Scope {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.look_up(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.look_up(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(NAMES)
    }
}

/// `secrets`.
struct SecretUse {
    shared: Arc<Shared>,
    /// Whether other values are shown than the real ones.
    disguised: bool,
    used: AtomicBool,
    unset: Mutex<Vec<String>>,
}

impl std::fmt::Debug for SecretUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secrets)")
    }
}

impl Object for SecretUse {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        self.shared.secrets.declared(name)?;
        self.used.store(true, Ordering::Relaxed);
        if let Some(value) = self.shared.secrets.value(name) {
            return Some(if self.disguised { Value::from(disguise(value)) } else { Value::from(value) });
        }
        if let Ok(mut unset) = self.unset.lock() {
            unset.push(name.to_owned());
        }
        Some(Value::from(Error::new(ErrorKind::InvalidOperation, "the secret has no value")))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.shared.secrets.names().map(Value::from).collect())
    }
}

/// Another value of the same length and with the same lines.
fn disguise(value: &str) -> String {
    let other = |c| match c {
        '\n' => c,
        'x' => 'y',
        _ => 'x',
    };
    value.chars().map(other).collect()
}

/// `values`.
#[derive(Debug)]
struct Values {
    shared: Arc<Shared>,
    at: usize,
}

impl Object for Values {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let node = self.shared.cluster.nodes.get(self.at)?;
        node.values.get(key.as_str()?).map(|data| convert::value(data))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let node = self.shared.cluster.nodes.get(self.at);
        Enumerator::Values(
            node.into_iter().flat_map(|node| node.values.keys().map(|key| Value::from(key.as_str()))).collect(),
        )
    }
}

/// `role(name)`: the nodes with a role. It is an error that nobody has it, unless a second argument says what to take
/// then.
#[derive(Debug)]
struct RoleFunction(Arc<Shared>);

impl Object for RoleFunction {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let (name, otherwise): (&str, Option<Value>) = minijinja::value::from_args(args)?;
        let Some(list) = self.0.roles.get(name) else {
            if let Some(otherwise) = otherwise {
                return Ok(otherwise);
            }
            let hint = crate::diag::suggest::hint(name, self.0.roles.keys().map(String::as_str));
            let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            return Err(Error::new(ErrorKind::InvalidOperation, format!("no node has the role `{name}`{hint}")));
        };
        Ok(Value::from_object(NodeList { shared: self.0.clone(), at: Some(list.clone()) }))
    }
}

/// Some nodes, or all of them.
#[derive(Debug)]
struct NodeList {
    shared: Arc<Shared>,
    at: Option<Arc<[usize]>>,
}

impl Object for NodeList {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let index = key.as_usize()?;
        let at = match &self.at {
            Some(list) => *list.get(index)?,
            None => index,
        };
        (at < self.shared.cluster.nodes.len())
            .then(|| Value::from_object(NodeView { shared: self.shared.clone(), at, own: false }))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.at.as_ref().map_or(self.shared.cluster.nodes.len(), |list| list.len()))
    }
}

/// A node; the rendered node itself also shows its VIPs.
#[derive(Debug)]
struct NodeView {
    shared: Arc<Shared>,
    at: usize,
    own: bool,
}

/// What a node shows; the last one only of itself.
const ATTRIBUTES: &[&str] = &[
    "name",
    "hostname",
    "fqdn",
    "os",
    "address",
    "description",
    "router",
    "roles",
    "interfaces",
    "dns_servers",
    "sysctls",
    "listens",
    "routes",
    "runtimes",
    "values",
    "vips",
];

impl NodeView {
    fn attribute(&self, name: &str) -> Option<Value> {
        let node = self.shared.cluster.nodes.get(self.at)?;
        match name {
            "name" => text(&node.name),
            "hostname" => text(&node.hostname),
            "fqdn" => text(&node.fqdn),
            "os" => text(node.os),
            "address" => node.address().and_then(text),
            "description" => node.description.as_ref().and_then(text),
            "router" => Some(node.router.into()),
            "roles" => texts(&node.roles),
            "interfaces" => Some(node.interfaces.iter().map(interface).collect()),
            "dns_servers" => texts(&node.dns_servers),
            "sysctls" => {
                Some(Value::from_pairs(node.sysctls.iter().map(|(key, value)| (key.clone(), value.value.clone()))))
            }
            "routes" => Some(node.routes.iter().map(shape::route).collect()),
            "runtimes" => {
                let containers = node.containers.keys().map(|name| (name.clone(), Runtime::Container));
                let services = node.services.iter().map(|(name, service)| (name.clone(), service.runtime()));
                Some(Value::from_pairs(containers.chain(services).map(|(name, runtime)| (name, runtime.as_str()))))
            }
            "values" => Some(Value::from_object(Values { shared: self.shared.clone(), at: self.at })),
            "listens" => Some(node.listens.iter().map(listen).collect()),
            "vips" if self.own => Some(node.vips.iter().filter_map(|own| self.vip(node, own)).collect()),
            _ => None,
        }
    }

    /// A VIP that the node may hold: everything about the VIP, and the node's own part.
    fn vip(&self, node: &Node, own: &Candidacy) -> Option<Value> {
        let cluster = &self.shared.cluster;
        let vip = cluster.vips.iter().find(|vip| vip.name == own.vip)?;
        let shared = self.shared.globals.get("vips")?.get_attr(&vip.name).ok()?;
        let others = vip.candidates.iter().filter(|name| **name != node.name);
        let peers = others.filter_map(|name| address_on(cluster.node(name)?, &vip.network));
        let part = [
            ("interface", text(&own.interface)),
            ("priority", Some(own.priority.value.into())),
            ("src_address", address_on(node, &vip.network).and_then(text)),
            ("peers", texts(peers)),
        ];
        let part = part.into_iter().filter_map(|(key, value)| Some((Value::from(key), value?)));
        let keys = shared.try_iter().ok()?;
        let everything = keys.filter_map(|key| shared.get_item(&key).ok().map(|value| (key, value)));
        Some(Value::from_pairs(everything.chain(part)))
    }
}

impl Object for NodeView {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.attribute(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.attribute(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let shown = |name: &&&str| match **name {
            "vips" => self.own,
            "address" | "description" => self.attribute(name).is_some(),
            _ => true,
        };
        Enumerator::Values(ATTRIBUTES.iter().filter(shown).map(|name| Value::from(*name)).collect())
    }
}
