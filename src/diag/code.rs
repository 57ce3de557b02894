//! The table of codes. A new rule is one row here and one function in its topic's file.
//!
//! The id is what people cite and suppress; it never changes meaning. `bake explain CODE` prints the
//! explanation. Rows marked `(rule)` are checked properties of a cluster; the others are about form.

use super::Severity;

macro_rules! codes {
    ($( $(#[$doc:meta])* $name:ident $(($rule:ident))? = $id:literal, $severity:ident, $summary:literal, $explanation:literal; )*) => {
        /// A kind of finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $( #[doc = $summary] $name, )* }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[ $( Code::$name, )* ];

            /// The stable id, for example `unknown-key`.
            pub fn id(self) -> &'static str { match self { $( Self::$name => $id, )* } }

            /// The severity unless a profile says otherwise.
            pub fn severity(self) -> Severity { match self { $( Self::$name => Severity::$severity, )* } }

            /// One line: what the rule is about.
            pub fn summary(self) -> &'static str { match self { $( Self::$name => $summary, )* } }

            /// Several lines: why it matters and what to do.
            pub fn explanation(self) -> &'static str { match self { $( Self::$name => $explanation, )* } }

            /// A rule's example: files of a project that give the finding, and the same ones put right. They are the
            /// rule's test cases (`tests/cases/check/`), so they stay true. `None` for what is about form: only
            /// rules can be accepted by a profile.
            pub fn example(self) -> Option<(&'static str, &'static str)> {
                match self { $( Self::$name => codes!(@example $id $($rule)?), )* }
            }

            /// Whether it judges what was understood, rather than refuses what cannot be.
            pub fn is_rule(self) -> bool { self.example().is_some() }
        }
    };
    (@example $id:literal) => { None };
    (@example $id:literal rule) => {
        Some((
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/check/", $id, "-fires.txt")),
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/check/", $id, "-quiet.txt")),
        ))
    };
}

codes! {
    // Reading
    FileMissing = "file-missing", Error, "a file that the project needs is not there",
        "A profile, fragment, template or local file that something refers to does not exist.";
    FileUnreadable = "file-unreadable", Error, "a file cannot be read",
        "The file exists, but reading it failed: permissions, a directory where a file is expected, or a file larger than bake reads (64 MiB).";
    PathEscapes = "path-escapes", Error, "a path leaves the project",
        "Fragments may only include files below `butane/files/`, also when symbolic links are followed. Copy the file into the project.";
    NotUtf8 = "not-utf8", Error, "a text file is not valid UTF-8",
        "Profiles, fragments and templates are UTF-8 text (a byte order mark is allowed).";
    YamlSyntax = "yaml-syntax", Error, "the text is not valid YAML",
        "The YAML parser stopped here; nothing after this place was read.";
    // Profiles
    UnknownKey = "unknown-key", Error, "a key that nothing reads",
        "Every key of a profile is known and typed. A key that is not known is a mistake that would otherwise be ignored silently.";
    DuplicateKey = "duplicate-key", Error, "the same key twice in one mapping",
        "YAML forbids it and tools disagree on which one wins.";
    MissingKey = "missing-key", Error, "a required key is missing",
        "The value cannot be guessed.";
    WrongType = "wrong-type", Error, "a value of another type than the key takes",
        "For example a list where a text is expected, or a number that YAML reads where a text was meant.";
    BadValue = "bad-value", Error, "a value of the right type that means nothing",
        "For example an address with an octet over 255, a prefix over 32 or a name with a blank in it.";
    UnknownName = "unknown-name", Error, "a reference to something that is not declared",
        "A network, role, fragment, VIP, secret or node is named that no profile declares.";
    EmptyProject = "empty-project", Error, "there is nothing to build",
        "`profiles/nodes/` holds no node.";
    // Templates
    TemplateSyntax = "template-syntax", Error, "a template does not parse",
        "Templates are Jinja. See https://docs.rs/minijinja/latest/minijinja/syntax/ for the syntax.";
    TemplateUndefined = "template-undefined", Error, "a template uses a name that is not defined",
        "Undefined names are errors: an empty text in a configuration file is worse than no file.";
    TemplateFailed = "template-failed", Error, "a template could not be rendered",
        "A filter, test or function of the template refused its arguments, or the template ran too long.";
    // Secrets
    SecretUnset = "secret-unset", Error, "a secret has no value",
        "Profiles only say where a secret comes from (`env:NAME` or `file:PATH`). Set the variable or write the file.";
    SecretExposed = "secret-exposed", Error, "a file that carries a secret is readable by everybody",
        "A file whose contents come from a secret must have mode 0600 (or 0400) or narrower rights for others.";
    SecretLiteral = "secret-literal", Error, "a secret is written in a profile",
        "Write a reference: `env:NAME` or `file:PATH`.";
    // Butane
    ButaneSyntax = "butane-version", Error, "the Butane variant or version is missing or unknown",
        "A fragment starts with `variant: flatcar` and `version: 1.1.0`.";
    ButaneInvalid = "butane-invalid", Error, "the Butane language does not allow this",
        "See the Butane specification for the variant and version that the fragment names.";
    ButaneDubious = "butane-dubious", Warning, "Butane allows this, but it is probably not what was meant",
        "See the Butane specification for the variant and version that the fragment names.";
    MergeConflict = "merge-conflict", Error, "two fragments of a node disagree",
        "Two fragments set the same file, directory, link, unit, user or filesystem differently. Put the difference in one place, or let one fragment leave it out.";
    // Lowering
    NotExpressible = "not-expressible", Error, "the target operating system cannot do this at first boot",
        "cloud-init has no equal of this Ignition feature, and bake knows no helper that gives the same result. bake refuses rather than drop it.";
    // Cluster
    AddressOutsideNetwork = "address-outside-network", Error, "an address is not inside its network",
        "The node could not talk to its own gateway.";
    AddressTaken = "address-taken", Error, "the same address, MAC or name twice",
        "Two machines that claim one address on one network make both unreachable at random.";
    NoRouter = "no-router", Error, "no router connects two networks",
        "A route was asked for, but no node with `router: true` is attached to both the node's network and the destination.";
    ImageUnpinned = "image-unpinned", Error, "a container image is not pinned by digest",
        "A tag can point to another image tomorrow; `name@sha256:...` cannot.";
    PackageMissing = "package-missing", Error, "a program comes from a package that the image is not known to have",
        "A role with the runtime `package` takes its programs from packages of the image: nothing is installed at first boot. List what the image has in `images.<os>.packages` of `cluster.yaml`, or choose the runtime `container`.";
    // Rules: flows
    FlowBlocked(rule) = "flow-blocked", Error, "a declared flow does not get through",
        "`flows` says that this connection must work. bake followed it hop by hop, there and back, and something stops it: a missing route, a router that does not forward, libvirt's own rules, a firewall.\n\nFor example libvirt's mode `nat` rejects every new connection into the network, also from other networks of the same host:\n\n    networks:\n      k3s: {cidr: 10.17.4.0/24, gateway: 10.17.4.1, mode: nat, bridge: virbr1}\n    flows:\n      - {from: \"network:lan\", to: \"role:k3s-server\", port: 6443}\n\nWrite `mode: open` and masquerade on the host. Mode `route` lets connections in too, but only to and from the network's own addresses: pods are not among them. `bake explain route FROM TO:PORT` shows the way.";
    FlowOpen(rule) = "flow-open", Error, "a flow that must fail gets through",
        "`flows` says `must: fail`, but nothing stops the connection. For example:\n\n    flows:\n      - {from: \"role:k3s-server\", to: \"role:postgresql\", port: 5432, must: fail}\n    # in the role postgresql\n    listens:\n      - {name: postgresql, port: 5432, from: [\"network:k3s\"]}\n\nThe servers are on that network. Name who may connect: `from: [\"role:worker\"]`.";
    FlowRewritten(rule) = "flow-rewritten", Error, "the receiver sees another address than the sender's",
        "`flows` says `nat: never`, but somebody on the way rewrites the sender. libvirt's mode `nat` does so with everything that leaves the network, also towards other networks of the cluster; Flannel does with what one node passes on to the pods of another:\n\n    pods: {cidr: 10.42.0.0/16, via: worker1}\n    flows:\n      - {from: \"role:loadbalancer\", to: pods, protocol: icmp, nat: never}\n\nRoute each node's share to that node (`pods.nodes`), or do without the demand.";
    BackendUnreachable(rule) = "backend-unreachable", Error, "a balancer cannot reach what is behind it",
        "Every node that may hold a VIP must reach every backend of its ports, or HAProxy finds them dead as soon as that node holds it. Usually the way is missing, or libvirt is in it:\n\n    networks:\n      k3s: {cidr: 10.17.4.0/24, gateway: 10.17.4.1, mode: nat, bridge: virbr1}\n\nwith balancers on another network: libvirt rejects every new connection into a masqueraded network. Write `mode: open`, or `mode: route` if no pods are talked to. Firewalls of the nodes are not looked at here.";
    ServerUnreachable(rule) = "server-unreachable", Error, "a node cannot reach its name or time server",
        "`dns_servers` and `ntp_servers` name a node of this cluster that the other one cannot reach. It would start without names, or with the wrong time, and TLS fails with that:\n\n    dns_servers: [10.17.3.11]\n    networks:\n      infra: {cidr: 10.17.3.0/24, gateway: 10.17.3.1, mode: nat, bridge: virbr1}\n\nwith 10.17.3.11 on `infra` and clients elsewhere: libvirt rejects them. Write `mode: route`.";
    JoinUnreachable(rule) = "join-unreachable", Error, "a K3s node cannot reach a K3s server",
        "Agents and further servers join at port 6443 of a server and keep a connection to each of them. A server on a network that nothing leads to is one that they never join: check `router`, `routes` and the modes of the networks in between; `bake explain route AGENT SERVER:6443` shows where it ends.";
    ListenUnreachable(rule) = "listen-unreachable", Warning, "a firewall is opened for somebody who cannot get there",
        "`listens` names a source that no route, or a filter on the way, lets through. Either the way is missing, or the source is too much:\n\n    listens:\n      - {name: postgresql, port: 5432, from: [\"network:lan\"]}\n\nwhile no machine of the LAN has a route to PostgreSQL's network. Add the route or take the source away.";
    // Rules: routes
    NextHopUnreachable(rule) = "next-hop-unreachable", Error, "nobody answers for the next hop of a route",
        "The next hop must be on the link: in a network of the node, and the address of a machine there. `on_link: true` only silences the kernel; somebody must still answer ARP requests on that link (the machine itself, or a router with `proxy_arp`):\n\n    routes:\n      - {to: 10.42.3.0/24, via: 10.17.4.24, on_link: true, reason: pods of worker1}\n\non a machine of another network than 10.17.4.0/24. Send it to the router of your own network instead.";
    NextHopNoRouter(rule) = "next-hop-no-router", Error, "the next hop of a route does not lead to its destination",
        "The machine with that address gets the packets, but forwards nothing, or has no route to the destination itself:\n\n    routes:\n      - {to: \"network:infra\", via: 192.168.0.31, reason: names and time}\n\nwhere 192.168.0.31 is a machine like any other. Leave `via` out: bake finds the router between the two networks.";
    NoWayBack(rule) = "no-way-back", Error, "answers to what a route sends do not find back",
        "Packets get to the destination, but the machines there, or a router on the way, have no route to the sender. For example balancers on the LAN that reach a tunnel's network through the hypervisor, while those behind the tunnel know no way to the LAN. Give the other side a route, or let the router between them be its default gateway.";
    ReversePathDrop(rule) = "reverse-path-drop", Error, "a strict reverse path check drops packets of this route",
        "Way and answer take different cards, and the kernel drops packets that come in by another card than its own route to their sender (`rp_filter` 1, the default of EL). The larger of `all` and the card's own value holds:\n\n    sysctls:\n      net.ipv4.conf.all.rp_filter: 2\n\nis loose: any route to the sender will do. Or let both ways use the same card.";
    DuplicateDefault(rule) = "duplicate-default", Error, "a node has two default routes",
        "The network's gateway and a route of a role both claim all destinations; which one counts differs between networkd and NetworkManager:\n\n    routes:\n      - {to: 0.0.0.0/0, via: 10.17.3.1, reason: out}\n\non a node whose network has a `gateway`. Drop the route, or write `default_route: false` for the card.";
    RouteOwnNetwork(rule) = "route-own-network", Error, "a route to the network that the node is attached to",
        "The kernel already reaches its own network directly. A second route to it sends neighbours' packets through a router, or is ignored, depending on the metric; a VIP on that network may become unreachable for the node.";
    PodRouteUnpinned(rule) = "pod-route-unpinned", Warning, "a route to some pods through a node that may not have them",
        "Kubernetes hands out the nodes' shares of the pods in the order in which nodes register, and K3s has no setting for it:\n\n    routes:\n      - {to: 10.42.3.0/24, via: 10.17.4.24, reason: pods of worker1}\n\nis right by luck only. Route all pods (`to: pods`), or write the shares in `pods.nodes` and make them come true: start the nodes in that order, or create the Node objects beforehand.";
    UnusedAllow = "unused-allow", Warning, "a profile accepts a finding that is not there",
        "An entry of `allow` took out nothing: the finding is gone, or the entry never fitted. It would hide the next one.";
    // VRRP
    VrrpNoFailover(rule) = "vrrp-no-failover", Error, "a VIP stays where it is of no use",
        "bake plays every single failure and every pair through the election: a node, a link, HAProxy, Keepalived. A backup takes over from a lower priority, never from an equal one, so a weight must be larger than the gap between the priorities of any two candidates; with no weight an ill master gives up at once, which is faster still. `bake explain vip` shows the whole table.";
    VrrpPeers(rule) = "vrrp-peers", Error, "candidates of a VIP do not send each other their adverts",
        "Unicast adverts go to the listed peers only, multicast ones to the own network only. A candidate that hears nobody becomes master beside the other one. Every candidate lists the addresses of all others, never its own, and sends from its own address.";
    VrrpParameters(rule) = "vrrp-parameters", Error, "candidates of a VIP do not agree on how they speak",
        "Version, virtual router id, interval, password and addresses are the same on every candidate, or one ignores the adverts of the other and both become master. VRRP 2 counts whole seconds.";
    VrrpTie(rule) = "vrrp-tie", Warning, "two candidates of a VIP have the same priority",
        "Of equal priorities the higher address wins an election, but a running master does not yield to an equal one: who holds the VIP depends on who started first.";
    VrrpNopreempt(rule) = "vrrp-nopreempt", Error, "`nopreempt` or `preempt_delay` without the effect that was meant",
        "Both need the initial state BACKUP on every node. And a backup with `nopreempt` accepts adverts of any priority, so a weight that lowers the master's priority moves nothing: with `nopreempt`, scripts have no weight.";
    VrrpState(rule) = "vrrp-state", Warning, "a node calls itself master and is not elected",
        "`state` is only what Keepalived starts with; the highest priority wins the election. A lower one that says MASTER takes the VIP for a moment at every start.";
    VrrpAuth(rule) = "vrrp-auth", Warning, "a VRRP password that does not protect",
        "The password travels in clear and only its first eight characters count; it keeps a neighbour's cluster out, not an attacker. VRRP 3 has none at all.";
    VrrpStrict(rule) = "vrrp-strict", Error, "`vrrp_strict` forbids what the instance does",
        "Strict mode keeps to the letter of RFC 5798: no unicast, no authentication, and without `accept` the VIP does not even take packets. Such instances end up unreachable.";
    VrrpScript(rule) = "vrrp-script", Error, "Keepalived runs a script that does not work",
        "The script must exist where Keepalived runs (in its container, that means in one of its volumes), be executable, belong to root and not be writable by others. In a container it sees neither the processes nor the services of the machine: ask the service itself.";
    VrrpContainer(rule) = "vrrp-container", Error, "the container of Keepalived lacks a capability",
        "NET_ADMIN adds the address, NET_RAW sends adverts, SETUID and SETGID run scripts. Without the last two Keepalived becomes master but never runs its health check, silently.";
    VrrpInterface(rule) = "vrrp-interface", Error, "Keepalived names an interface that the machine does not have",
        "The interface is that of the machine itself. A bridge such as `br0` exists on the hypervisor; the machine sees its own card, for example `eth0`.";
    VrrpAddress(rule) = "vrrp-address", Error, "a VIP that cannot work where it is",
        "A VIP belongs to one instance, is in the network of the card that carries it, and is no machine's own address. Every candidate's Keepalived has it.";
    VrrpRouterId(rule) = "vrrp-router-id", Error, "a virtual router id means two things on one network",
        "Adverts carry only the id: two instances with the same one on a network take each other's adverts for their own.";
    VrrpGarp(rule) = "vrrp-garp", Note, "who holds a VIP is said only once",
        "Neighbours learn the new holder from a gratuitous ARP when the VIP moves. One that misses it talks to the old holder until its entry expires; a refresh every minute costs nothing.";
    VrrpSyntax(rule) = "vrrp-syntax", Error, "a line that Keepalived does not understand",
        "Keepalived logs what it does not know at start, and goes on with its own default: a mistyped `advert_int` is one second, a `priority` that is no priority is 100, an unknown keyword is nothing at all. A brace too few makes the rest of the file part of another block.";
    VrrpOrder(rule) = "vrrp-order", Warning, "Keepalived depends on HAProxy",
        "Keepalived starts after HAProxy, but never needs it (`Requires=`, `BindsTo=`, `PartOf=`): stopped together with HAProxy it could not look after the address any more, and where HAProxy does not start, nobody holds the VIP. Its health check moves the address.";
    // HAProxy
    HaproxyBind(rule) = "haproxy-bind", Error, "HAProxy cannot listen on an address",
        "Only addresses of the machine and VIPs that it may hold make sense, and a VIP is on another node most of the time: `net.ipv4.ip_nonlocal_bind: 1` (or `transparent`, as root) lets HAProxy listen before it is here. `haproxy -c` does not notice.";
    HaproxyPort(rule) = "haproxy-port", Error, "HAProxy may not listen on a port of the system",
        "Below `net.ipv4.ip_unprivileged_port_start` (1024) only root listens. In a container, HAProxy runs as an ordinary user, and Docker does not hand capabilities on to one.";
    HaproxyTimeout(rule) = "haproxy-timeout", Warning, "HAProxy cuts silent connections to the API",
        "`kubectl exec`, `logs -f` and every watch may be silent for long. In `mode tcp`, `timeout tunnel` supersedes those of client and server once a connection stands; an hour or more is right, with `timeout client-fin` for connections that one end has closed.";
    HaproxyCheck(rule) = "haproxy-check", Error, "HAProxy's health check says nothing about the server",
        "A connection alone says that something listens. K3s speaks TLS on 6443, answers `/ping` to everybody and anything else with 401 to whoever has no credentials: a check that wants 200 from another path takes every server for dead.";
    HaproxyBackend(rule) = "haproxy-backend", Error, "HAProxy sends connections where nobody serves them",
        "Every server of a backend is a node that listens on that port and has the role that the VIP's port names.";
    HaproxyDuplicate(rule) = "haproxy-duplicate", Error, "the same address, name or server twice in HAProxy's configuration",
        "Two frontends on one address and port share its connections at random; the second section of a name hides the first.";
    HaproxyStats(rule) = "haproxy-stats", Warning, "HAProxy's statistics are open",
        "They name every server and its state, and may allow to switch servers off. Bind them to 127.0.0.1 and use a tunnel.";
    HaproxyStart(rule) = "haproxy-start", Error, "HAProxy does not start, or ends at once",
        "`daemon` leaves the container without its first process, so it ends. `user`, `group` and `chroot` need root. A missing error file is fatal.";
    HaproxyMode(rule) = "haproxy-mode", Warning, "a setting for HTTP where bytes are passed on unseen",
        "In `mode tcp` HAProxy does not look into connections: `forwardfor` and the like do nothing, and the servers see HAProxy's address.";
    HaproxyLimits(rule) = "haproxy-limits", Warning, "HAProxy may open fewer files than its connections need",
        "Every connection takes two descriptors. HAProxy lowers `maxconn` or refuses connections when the container's `open_files` is too low.";
    HaproxySyntax(rule) = "haproxy-syntax", Error, "a line that HAProxy does not understand",
        "HAProxy refuses a whole configuration for one unknown keyword, and for a `default_backend` or `use_backend` without its section. `haproxy -c` says the same; here it is said before there is a machine, with the line of the template.";
    HaproxyListens(rule) = "haproxy-listens", Warning, "the firewall and HAProxy disagree about a port",
        "A port that is open although nothing listens is a door that the next program on it inherits. One that HAProxy serves and the firewall closes serves nobody.";
    // Rules: identity
    DhcpRange(rule) = "dhcp-range", Error, "an address that DHCP may give to somebody else",
        "libvirt reserves the addresses of machines whose MAC address is declared. An address inside the range without a MAC, or a VIP, is handed out one day, and then two machines have it. A VIP can never be reserved: it belongs to no card.";
    NetworkAddress(rule) = "network-address", Error, "an address that no machine can have",
        "The first address of a network names the network, the last one is for broadcasts.";
    NetworkOverlap(rule) = "network-overlap", Error, "two networks have addresses in common",
        "Networks, pods and services must be disjoint. A machine that is attached to one of two overlapping networks never sends to the other one: it looks for the address on its own link.";
    BridgeShared(rule) = "bridge-shared", Error, "two networks on one bridge",
        "libvirt refuses to start a network whose bridge exists already. Two networks on one segment are one network for everything that is not IP: VRRP ids, DHCP, ARP.";
    MacUnsuited(rule) = "mac-unsuited", Error, "an Ethernet address that a virtual machine should not have",
        "A card without any address does not come up; libvirt refuses addresses that begin with `fe`, and takes those that begin with `52:54:00` for its own. Addresses of makers of real cards (the second bit of the first byte is 0) may exist a second time on the same network.";
    UnknownAddress(rule) = "unknown-address", Warning, "an address that nobody in the cluster has",
        "Addresses in files are remainders: of a machine that moved, of a plan that was given up, of another cluster. Write the model's own (`{{ node.address }}`, `{{ vips.api.address }}`), which follow when it moves. Machines on a bridge of the hypervisor that bake does not know are not meant.";
    ResolverOrder(rule) = "resolver-order", Warning, "the cluster's own names are asked of somebody who does not know them",
        "Resolvers are asked in order, and an answer counts, also that there is no such name: one of the Internet before the cluster's own hides the cluster's names. And where two networks list the same resolvers in different orders, one of them is an oversight.";
    TimezoneUnknown(rule) = "timezone-unknown", Error, "a time zone that does not exist",
        "The machine would keep UTC without a word, and timers that name an hour would run at another one.";
    DomainReserved(rule) = "domain-reserved", Warning, "a domain that has another meaning",
        "Names below `local` are asked of the neighbours (RFC 6762) and not of a name server; `example`, `invalid` and `localhost` are reserved (RFC 6761). `home.arpa` (RFC 8375) and `internal` are for networks of one's own.";
    // Rules: VIPs
    VipAlone(rule) = "vip-alone", Warning, "a VIP that nobody can take over",
        "A virtual address with one candidate is an ordinary address with more moving parts.";
    VipPortServed(rule) = "vip-port-served", Error, "a machine balances a port and serves it",
        "HAProxy binds the VIP's port on every candidate, held or not. A program of the same machine that serves the port on all addresses cannot start beside it, or HAProxy cannot.";
    VipByHand(rule) = "vip-by-hand", Error, "a VIP that somebody but Keepalived sets",
        "A VIP is on one machine at a time, and Keepalived moves it. A machine that sets it by itself, in a unit, a script or a network file, answers for it always: two machines have the address, or it stays where nobody serves it.";
    VipIdle(rule) = "vip-idle", Warning, "a VIP without ports",
        "Keepalived would move an address behind which nobody listens.";
    // Rules: firewall
    FirewallClosed(rule) = "firewall-closed", Error, "somebody who must get in is not let in",
        "The firewall of a machine opens what its roles `listen` on, and nothing else. Balancers must reach their backends, candidates of a VIP each other's VRRP (IP protocol 112: without it every one of them takes the address. With multicast they all keep it; with unicast the adverts that one then sends let the others' in as answers, so that it gives it back, and the next one that starts takes it again), machines their resolvers and time servers, K3s nodes the server that they join.";
    PortClosed(rule) = "port-closed", Error, "a program listens where the firewall lets nobody in",
        "The port stands in the program's own file and in `listens`, and the two differ. For sshd that is a machine that nobody gets into any more.";
    NftFlush(rule) = "nft-flush", Error, "a ruleset that deletes everybody's rules",
        "`flush ruleset` deletes the tables of Docker, kube-proxy, Flannel and libvirt as well. Containers and pods lose their network until each of those programs is restarted.";
    NftChain(rule) = "nft-chain", Warning, "rules without effect, or with more than was meant",
        "A chain takes part only with a hook or when another one jumps to it. And a packet must be accepted by every chain of a hook: a policy `drop` beside bake's own table closes what `listens` opens.";
    NftMasquerade(rule) = "nft-masquerade", Error, "a rule rewrites who talks to pods",
        "Balancers reach pods without NAT, so that pods see who is calling; masquerading on that way also sends answers through this machine, which it may not be ready for. Masquerade only what leaves towards the Internet.";
    // Rules: bootstrap
    K3sClusterInit(rule) = "k3s-cluster-init", Error, "not exactly one K3s server starts the cluster",
        "The server with `cluster-init: true` starts an etcd cluster; two of them start two clusters that never find each other. Without any, every server keeps a cluster of its own in SQLite.";
    K3sJoin(rule) = "k3s-join", Error, "a K3s node joins where nobody can answer",
        "Servers and agents join at a server's own address. The VIP answers only once an API server runs behind it: a first boot of everything would wait for itself.";
    K3sQuorum(rule) = "k3s-quorum", Warning, "an even number of K3s servers",
        "etcd needs a majority: two servers survive no failure, four survive one, as three do. The additional one is one more that can break.";
    UpdateWindow(rule) = "update-window", Error, "machines that stand in for each other may restart into an update together",
        "Flatcar restarts into updates by itself. Two of three K3s servers that do so at once cost etcd its majority, and with it the API; two balancers of one VIP leave nobody to hold it. Give each machine a window of its own in `/etc/flatcar/update.conf`, or turn updates off.";
    K3sTlsSan(rule) = "k3s-tls-san", Error, "the API's certificate lacks a name that the API is asked under",
        "Clients that come through the VIP check the certificate against the VIP's address or name. `tls-san` adds both.";
    K3sDiffers(rule) = "k3s-differs", Error, "K3s is told different things on different nodes",
        "A server whose critical settings (`cluster-cidr`, `service-cidr`, `flannel-backend`, ...) differ from the first one's refuses to start; a node with another token cannot join.";
    K3sUnknownKey(rule) = "k3s-unknown-key", Warning, "a key of config.yaml that K3s ignores",
        "K3s passes over what it does not know with one line in its log. Keys of servers are unknown to agents.";
    K3sAddress(rule) = "k3s-address", Error, "K3s is told an address or a card that the machine does not have",
        "A node that announces an address of another machine, or none, is never ready; Flannel does not start on a card that is not there; the cluster's DNS is a service and has an address of theirs.";
    K3sTaintedBackend(rule) = "k3s-tainted-backend", Warning, "a backend keeps away the pods that would answer",
        "Traefik's ports are opened on the nodes by pods of K3s' ServiceLB, which tolerate the taints of the control plane only. On a node with another `NoSchedule` taint nobody listens, and every connection that the balancer sends there waits for its health check.";
    UnitCycle(rule) = "unit-cycle", Error, "units that wait for each other",
        "systemd breaks a cycle by not starting one of its units, chosen by chance of reading order. On EL a frequent one is `After=cloud-final.service` with `WantedBy=multi-user.target`: cloud-final itself starts after multi-user.target.";
    // Rules: files
    UnitUnknownKey(rule) = "unit-unknown-key", Warning, "a key of a unit that systemd ignores",
        "systemd logs `Unknown key` and goes on without it. Keys are case-sensitive and belong to one section.";
    UnitBroken(rule) = "unit-broken", Error, "a unit that systemd refuses",
        "A service needs a command, and a command an absolute path (or a bare name that systemd looks up). systemd refuses the unit when it loads it; nothing else says so.";
    UnitMissing(rule) = "unit-missing", Warning, "a unit that nobody has",
        "A unit that is wanted by a target that does not exist never starts; one that requires a unit that does not exist fails; a name without a known end is no unit at all.";
    UnitTemplate(rule) = "unit-template", Warning, "a template is enabled that stands for no unit",
        "A name that ends in `@.service` is a template: only instances of it run. Enabled, it starts the instance that `DefaultInstance=` in its `[Install]` section names; without one, nothing, and nothing says so.";
    ProgramMissing(rule) = "program-missing", Warning, "a unit runs what is not there",
        "The program is in a folder of the project's own and no fragment writes it, or it is written without the right to be run. What the image brings is listed in the role's `requires`.";
    UnitShadowsVendor(rule) = "unit-shadows-vendor", Warning, "a unit of the image is replaced as a whole",
        "A file in /etc/systemd/system hides the image's unit of the same name, and so every later correction to it. A drop-in changes only what it names.";
    ContainerOrder(rule) = "container-order", Warning, "a container does not wait for its engine",
        "Without `After=docker.service` the unit fails at boot before Docker answers, without `Requires=` nothing starts Docker, which Flatcar activates by its socket only.";
    ContainerUnpinned(rule) = "container-unpinned", Warning, "a container whose image may be another one tomorrow",
        "A tag is moved by whoever publishes the image; without any, `latest` is meant. Two machines made on two days then run different programs. A digest (`image@sha256:...`) is the image itself; `containers` of a role take nothing else.";
    NetworkdRestart(rule) = "networkd-restart", Warning, "something restarts networkd",
        "A restarted networkd removes addresses and routes that it did not set: Keepalived's VIPs, Flannel's routes. `KeepConfiguration=` helps for its own only.";
    NetworkdUnknownKey(rule) = "networkd-unknown-key", Warning, "a key of a network file that networkd ignores",
        "networkd logs it and goes on: a route without its gateway, a network without its address.";
    NetworkdMatch(rule) = "networkd-match", Warning, "a network file that is for no card, or takes another's",
        "networkd gives a card the first file, by name, that matches it, and no other: one that comes before bake's own takes the card's address and routes away. A file without `[Match]` is ignored.";
    NetworkmanagerKey(rule) = "networkmanager-key", Warning, "a connection that NetworkManager does not take as it is written",
        "NetworkManager passes over keys that it does not know, and over a whole keyfile that others may read (it wants mode 0600).";
    SysctlUnknown(rule) = "sysctl-unknown", Warning, "a kernel setting that does not exist",
        "systemd-sysctl logs it and goes on; the setting that was meant keeps its default.";
    SysctlValue(rule) = "sysctl-value", Error, "a value that the kernel refuses",
        "Settings below `net`, `fs` and `vm` take numbers: the kernel refuses `yes`, and the setting keeps its default.";
    SysctlTwice(rule) = "sysctl-twice", Warning, "a kernel setting with two values",
        "Files are read in the order of their names, whatever their folder; the last one wins. The place that lost looks as if it counted.";
    TmpfilesSyntax(rule) = "tmpfiles-syntax", Error, "a line that systemd-tmpfiles skips",
        "A line is `TYPE PATH MODE USER GROUP AGE ARGUMENT`. The text of a file cannot go on over further lines: each of them is read as a line of its own, and the file is made empty.";
    QuadletUnknownKey(rule) = "quadlet-unknown-key", Error, "a key that Podman's generator does not know",
        "The generator drops the whole quadlet for one unknown key: there is no service at all, and the only word about it is in the journal of early boot.";
    CloudConfigNetwork(rule) = "cloud-config-network", Error, "network settings in user-data",
        "cloud-init reads the network from `network-config` (or the kernel's command line) before it reads user-data. `network:` in user-data does nothing; the machine comes up with DHCP.";
    CloudConfigUnknownKey(rule) = "cloud-config-unknown-key", Warning, "user-data that cloud-init does not read",
        "Without `#cloud-config` as its first line a document is nothing to cloud-init; a key that none of its modules has is passed over with a line in its log.";
    FileIgnored(rule) = "file-ignored", Warning, "a file that nobody reads",
        "Programs read their folders by the ends of names, and an operating system reads what its own programs know: AlmaLinux and Rocky Linux have NetworkManager and Chrony, Flatcar networkd and timesyncd.";
    ReadOnlyPath(rule) = "read-only-path", Error, "a file where nothing can be written",
        "Flatcar's `/usr` is read-only and verified at boot, `/usr/local` included: Ignition fails, and the machine stays in its emergency shell.";
    OverwriteMissing(rule) = "overwrite-missing", Error, "a file that the image has already",
        "Ignition does not replace what is there unless `overwrite: true` says so: it fails, and the machine stays in its emergency shell.";
    GroupMissing(rule) = "group-missing", Warning, "a group that an account does not get",
        "Flatcar keeps most groups in its read-only image, where `usermod` cannot add anybody; only `core`, `docker`, `root`, `sudo`, `systemd-journal` and `wheel` are in `/etc`.";
    UpdatesStaged(rule) = "updates-staged", Warning, "updates that come in with the next accident",
        "Masking locksmithd keeps Flatcar from restarting, not from staging updates: the next restart, planned or not, comes up with another version.";
    PlaceholderLeft(rule) = "placeholder-left", Warning, "a placeholder that nobody filled in",
        "A file whose name does not end in `.j2` is taken as it is. `${NAME}` belongs to other template languages (Terraform), which bake does not run.";
    OrphanFile(rule) = "orphan-file", Warning, "a file that nothing uses",
        "It looks as if it had an effect. Notify scripts that no configuration names and network files that no template passes on are found years later.";
    NetworkAtBoot(rule) = "network-at-boot", Warning, "something is fetched and installed at first boot",
        "First boot then depends on mirrors, DNS and the way to the Internet, and two machines made on two days differ. Small machines run out of memory in the package manager.";
    // Rules: storage and secrets
    DiskSmall(rule) = "disk-small", Error, "a disk is too small for what goes on it",
        "libvirt refuses a volume that is smaller than the image it is made from; Ignition stops at partitions that do not fit.";
    DiskMissing(rule) = "disk-missing", Error, "a disk that the machine does not have",
        "Ignition waits for the device until it gives up, and the machine stays in its emergency shell. A disk of the virtual machine appears as `/dev/disk/by-id/virtio-SERIAL`, with the serial declared in `machine.disks`.";
    DiskUnused(rule) = "disk-unused", Warning, "a disk that nothing uses",
        "It is paid for and stays empty: what was meant to be on it is on the root disk.";
    FilesystemUnmounted(rule) = "filesystem-unmounted", Warning, "a file system that is not mounted after the first boot",
        "`path` of a file system is where Ignition writes files to while it runs. Mounting at boot takes a unit: `with_mount_unit: true` makes it.";
    MachineSmall(rule) = "machine-small", Warning, "a machine is smaller than what runs on it asks for",
        "K3s asks for two processors and 2 GB for a server with etcd, one processor and 512 MB for an agent. Less starts, and fails under load.";
    ConfigLarge(rule) = "config-large", Warning, "a config that takes long to hand over",
        "Ignition reads its config from QEMU's fw_cfg through the kernel, byte by byte, in time that grows with the square of its size: a megabyte takes seconds, ten take minutes.";
    VolumeMissing(rule) = "volume-missing", Error, "a container mounts a folder that nobody makes",
        "Podman refuses to start a container whose folder on the host is missing; Docker makes an empty one that belongs to root, and the program inside finds no configuration or may not write.";
    CommittedSecret(rule) = "committed-secret", Error, "a secret in a file that is committed",
        "Whoever reads the repository, now or in its history, has it. Make a new one; the old one stays in the history.";
    WeakSecret(rule) = "weak-secret", Warning, "a secret that is easily guessed",
        "Too short, or one of those that everybody tries first.";
    SecretUnused(rule) = "secret-unused", Warning, "a secret that nothing uses",
        "Whoever builds must have its value, and it protects nothing: the name that templates use is another one, or what used it is gone.";
    SharedPassword(rule) = "shared-password", Warning, "several accounts or machines have one password",
        "Whoever learns one account's password has the other one, root's included; and who learns that of one machine has all machines.";
    PasswordHash(rule) = "password-hash", Error, "a password's hash that is none",
        "`password_hash` takes what crypt(5) makes (`$y$...`, `$6$...`). A password itself lets nobody in, and stands readable in `/etc/shadow`; MD5 (`$1$`) is guessed in hours.";
    SshPassword(rule) = "ssh-password", Warning, "people may log in with a password over SSH",
        "Machines on any network are tried with passwords all day. Keys are in `ssh_authorized_keys`; the console still takes the password.";
    SelinuxOff(rule) = "selinux-off", Warning, "SELinux is switched off",
        "On AlmaLinux and Rocky Linux it confines containers and daemons; switched off, a broken container reaches the host's files. What it refuses can be labelled.";
    // Output
    OutputUnwritable = "output-unwritable", Error, "the output cannot be written",
        "The previous output is left as it was.";
    VerifyMismatch = "verify-mismatch", Error, "a built file is not what the manifest says",
        "The file was changed, lost or added after the build. Build again.";
    NotComparable = "not-comparable", Error, "two builds cannot be compared",
        "`bake diff` says that nothing changes only where it has understood everything. An output that is damaged or has no manifest, an artefact of an unknown kind or one with a key that this bake does not know, or a manifest of another format is none that it can compare. Build again, or use the bake that wrote it.";
    RebuildDiffers = "rebuild-differs", Error, "a file is different when it is built again",
        "`bake verify --rebuild` builds the project twice more, under other circumstances. Where both builds agree with each other and not with the output, the output was built from something else: the project was edited since, a secret or bake itself is another one. Where they disagree with each other, what the file is made from gives something else each time, such as a secret that is read from a changing file, or bake has a fault that it is good to report.";
}
