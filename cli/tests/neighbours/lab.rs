//! Machines of their own: network namespaces on switches, and homes behind routers that translate addresses.

use std::io::Write as _;
use std::process::{self, Command, Stdio};

/// Runs `ip` and insists that it does what it is told.
fn ip(words: &str) {
    let output = Command::new("ip").args(words.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Where a machine is plugged in.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Plug {
    machine: String,
    /// The namespace of the switch.
    switch: String,
}

/// What a home's router does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nat {
    /// Keeps the port of what goes out, as most do: holes can be punched.
    Easy,
    /// Draws another port for each destination: no hole can be punched.
    Hard,
    /// As [`Nat::Hard`], and lets no UDP through.
    TcpOnly,
}

/// Switches, routers and machines, each a namespace; they go when it does.
#[derive(Debug)]
pub(crate) struct Lab {
    name: String,
    namespaces: Vec<String>,
    plugs: Vec<Plug>,
}

impl Lab {
    fn new() -> Self {
        let name = format!("linli-{}", process::id());
        Self { name, namespaces: Vec::new(), plugs: Vec::new() }
    }

    /// One switch: plug machines into it with [`Self::machine`].
    pub(crate) fn lan() -> Self {
        let mut lab = Self::new();
        lab.switch("bridge");
        lab
    }

    /// Homes `a` (10.77.1.0/24) and `b` (10.77.2.0/24) behind routers, with a machine each, and on the network between the
    /// routers (10.99.0.0/24) the machine `pub`.
    pub(crate) fn homes(nat: Nat) -> Self {
        let mut lab = Self::new();
        lab.switch("wan");
        lab.plug("pub", "wan", "10.99.0.10/24", None);
        for (home, number) in [("a", 1), ("b", 2)] {
            let lan = format!("lan-{home}");
            lab.switch(&lan);
            let router = lab.router(home);
            lab.wire(&router, &lan, "lan0", &format!("10.77.{number}.1/24"));
            lab.wire(&router, "wan", "wan0", &format!("10.99.0.{number}/24"));
            lab.inside(&router, &["sh", "-c", "cat > /proc/sys/net/ipv4/ip_forward"], "1");
            let gateway = format!("10.77.{number}.1");
            lab.plug(home, &lan, &format!("10.77.{number}.11/24"), Some(&gateway));
            lab.translate(home, nat);
        }
        lab
    }

    /// The namespace of a machine.
    pub(crate) fn at(&self, machine: &str) -> String {
        format!("{}-{machine}", self.name)
    }

    fn namespace(&mut self, of: &str) -> String {
        let namespace = self.at(of);
        ip(&format!("netns add {namespace}"));
        self.namespaces.push(namespace.clone());
        ip(&format!("-n {namespace} link set lo up"));
        namespace
    }

    fn switch(&mut self, name: &str) {
        let switch = self.namespace(name);
        // Without snooping multicast is flooded, as switches in houses do.
        ip(&format!("-n {switch} link add br0 type bridge stp_state 0 mcast_snooping 0"));
        ip(&format!("-n {switch} link set br0 up"));
    }

    fn router(&mut self, home: &str) -> String {
        let name = format!("router-{home}");
        self.namespace(&name);
        name
    }

    /// Connects a machine with a switch.
    fn wire(&self, machine: &str, switch: &str, interface: &str, address: &str) {
        let (here, there) = (self.at(machine), self.at(switch));
        ip(&format!(
            "link add name {machine} netns {there} type veth peer name {interface} netns {here}"
        ));
        ip(&format!("-n {there} link set dev {machine} master br0 up"));
        ip(&format!("-n {here} addr add {address} dev {interface}"));
        ip(&format!("-n {here} link set {interface} up"));
    }

    fn plug(
        &mut self,
        machine: &str,
        switch: &str,
        address: &str,
        gateway: Option<&str>,
    ) -> String {
        let namespace = self.namespace(machine);
        self.wire(machine, switch, "eth0", address);
        if let Some(gateway) = gateway {
            ip(&format!("-n {namespace} route add default via {gateway}"));
        }
        self.plugs.push(Plug { machine: machine.to_owned(), switch: self.at(switch) });
        namespace
    }

    /// Plugs in a machine with this last part of its address; returns its namespace.
    pub(crate) fn machine(&mut self, name: &str, host: u8) -> String {
        self.plug(name, "bridge", &format!("10.77.1.{host}/24"), None)
    }

    /// Gives a machine another address, as a router does that was restarted.
    pub(crate) fn readdress(&self, machine: &str, address: &str, gateway: Option<&str>) {
        let namespace = self.at(machine);
        ip(&format!("-n {namespace} addr flush dev eth0 scope global"));
        ip(&format!("-n {namespace} addr add {address} dev eth0"));
        if let Some(gateway) = gateway {
            ip(&format!("-n {namespace} route add default via {gateway}"));
        }
    }

    fn socket(&self, machine: &str) -> &Plug {
        self.plugs.iter().find(|plug| plug.machine == machine).unwrap()
    }

    /// Lets every frame of a machine vanish while its cable looks plugged in.
    pub(crate) fn cut(&self, machine: &str) {
        ip(&format!("-n {} link set dev {machine} nomaster", self.socket(machine).switch));
    }

    /// Undoes [`Self::cut`].
    pub(crate) fn heal(&self, machine: &str) {
        ip(&format!("-n {} link set dev {machine} master br0", self.socket(machine).switch));
    }

    /// Runs a program in a namespace and insists on its success.
    fn inside(&self, machine: &str, words: &[&str], input: &str) {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.at(machine)]).args(words);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{words:?} at {machine}");
    }

    /// Makes the router of a home do so from here on; connections that stand are forgotten.
    pub(crate) fn translate(&self, home: &str, nat: Nat) {
        let (port, udp) = match nat {
            Nat::Easy => ("", ""),
            Nat::Hard => ("fully-random", ""),
            Nat::TcpOnly => ("fully-random", "meta l4proto udp drop"),
        };
        let rules = format!(
            "flush ruleset
            table ip nat {{
              chain post {{
                type nat hook postrouting priority srcnat;
                oifname \"wan0\" masquerade {port}
              }}
            }}
            table ip filter {{
              chain forward {{
                type filter hook forward priority 0; policy drop;
                {udp}
                ct state established,related accept
                iifname \"lan0\" accept
              }}
              chain input {{
                # What nobody asked for leaves no mapping that would take the port from a punched hole.
                type filter hook input priority 0; policy accept;
                iifname \"wan0\" ct state new drop
              }}
            }}
            "
        );
        self.inside(&format!("router-{home}"), &["nft", "-f", "-"], &rules);
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for namespace in &self.namespaces {
            // What cannot be removed must not hide why the test failed.
            drop(Command::new("ip").args(["netns", "del", namespace]).status());
        }
    }
}
