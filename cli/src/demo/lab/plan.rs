//! Who is where, and which frames pass: no system calls, the same for both grounds.

use std::{collections::BTreeSet, net::Ipv4Addr};

use anyhow::{Context as _, Result, bail, ensure};

use super::CHECK_PORT;

/// Sites are numbered into the last octet of an address, from [`FIRST_HOST`] on.
const SITES_MAX: usize = 64;
/// Segments are numbered into the third octet.
const SEGMENTS_MAX: usize = 64;
/// The last octet of the first site's address.
const FIRST_HOST: u8 = 11;

/// One place where a process can run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site<'a> {
    /// The name by which the lab knows it.
    pub name: &'a str,
    /// The LAN segments it is plugged into, by name; the first is `eth0`, the next `eth1`. A site
    /// on two segments carries nothing between them by itself: IP forwarding is off.
    pub segments: &'a [&'a str],
    /// The UDP ports others may reach. Only the forwarder needs them.
    pub udp: &'a [u16],
    /// The TCP ports others may reach. Only the forwarder needs them.
    pub tcp: &'a [u16],
}

/// A checked site.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) segments: Vec<usize>,
    pub(super) udp: Vec<u16>,
    pub(super) tcp: Vec<u16>,
}

/// The checked sites, in the order they were given.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) sites: Vec<Place>,
}

impl Plan {
    pub(super) fn new(sites: &[Site<'_>]) -> Result<Self> {
        ensure!(sites.len() <= SITES_MAX, "{} sites, at most {SITES_MAX}", sites.len());
        let (mut names, mut segments, mut places) = (BTreeSet::new(), Vec::new(), Vec::new());
        for site in sites {
            ensure!(names.insert(site.name), "two sites are called {}", site.name);
            ensure!(!site.segments.is_empty(), "{} is on no segment", site.name);
            let mut on = Vec::new();
            for name in site.segments {
                let number = segments.iter().position(|known| known == name).unwrap_or_else(|| {
                    segments.push(*name);
                    segments.len().saturating_sub(1)
                });
                ensure!(!on.contains(&number), "{} is on {name} twice", site.name);
                on.push(number);
            }
            ensure!(!site.udp.contains(&CHECK_PORT), "UDP port {CHECK_PORT} is the self test's");
            let udp = site.udp.iter().copied().chain([CHECK_PORT]).collect();
            let (name, tcp) = (site.name.to_owned(), site.tcp.to_vec());
            places.push(Place { name, segments: on, udp, tcp });
        }
        ensure!(segments.len() <= SEGMENTS_MAX, "at most {SEGMENTS_MAX} segments");
        Ok(Self { sites: places })
    }

    pub(super) fn site(&self, index: usize) -> Result<&Place> {
        self.sites.get(index).context("no such site")
    }

    pub(super) fn index(&self, name: &str) -> Result<usize> {
        let found = self.sites.iter().position(|site| site.name == name);
        found.with_context(|| format!("the lab has no site called {name}"))
    }

    /// The first segment that both sites are on.
    pub(super) fn shared(&self, one: usize, other: usize) -> Result<Option<usize>> {
        let others = &self.site(other)?.segments;
        Ok(self.site(one)?.segments.iter().copied().find(|segment| others.contains(segment)))
    }

    /// Two different sites on one segment.
    pub(super) fn first_pair(&self) -> Result<(&str, &str)> {
        for (index, one) in self.sites.iter().enumerate() {
            for (other_index, other) in self.sites.iter().enumerate().skip(index + 1) {
                if self.shared(index, other_index)?.is_some() {
                    return Ok((&one.name, &other.name));
                }
            }
        }
        bail!("no two sites share a segment, so there is nothing to test")
    }

    /// The number of every site's group, or `None` for a site that is alone.
    pub(super) fn groups(&self, groups: &[&[&str]]) -> Result<Vec<Option<usize>>> {
        let mut grouped = vec![None; self.sites.len()];
        for (number, group) in groups.iter().enumerate() {
            for name in *group {
                let entry = grouped.get_mut(self.index(name)?).context("no such site")?;
                ensure!(entry.is_none(), "{name} is named twice");
                *entry = Some(number);
            }
        }
        Ok(grouped)
    }
}

/// Which sites hear each other.
#[derive(Debug)]
pub(super) struct Wiring {
    groups: Vec<Option<usize>>,
    cut: BTreeSet<usize>,
}

impl Wiring {
    pub(super) fn together(sites: usize) -> Self {
        Self { groups: vec![Some(0); sites], cut: BTreeSet::new() }
    }

    pub(super) fn set_groups(&mut self, groups: Vec<Option<usize>>) {
        self.groups = groups;
    }

    pub(super) fn set_cut(&mut self, site: usize, cut: bool) {
        if cut {
            self.cut.insert(site);
        } else {
            self.cut.remove(&site);
        }
    }

    /// The group in which the site hears others, or `None` where it hears nobody.
    pub(super) fn group(&self, site: usize) -> Option<usize> {
        if self.cut.contains(&site) { None } else { self.groups.get(site).copied().flatten() }
    }

    /// Whether frames pass between two sites on one segment.
    pub(super) fn passes(&self, one: usize, other: usize) -> bool {
        self.group(one).is_some_and(|group| self.group(other) == Some(group))
    }
}

/// The address of a site on a segment, `10.77.1.11` being the first site on the first segment.
pub(super) fn address(segment: usize, site: usize) -> Result<Ipv4Addr> {
    Ok(Ipv4Addr::new(10, 77, u8::try_from(segment + 1)?, host(site)?))
}

/// The number of a site in the last octet of its addresses.
pub(super) fn host(site: usize) -> Result<u8> {
    FIRST_HOST.checked_add(u8::try_from(site)?).context("too many sites")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let site = |name, segments| Site { name, segments, udp: &[1], tcp: &[] };
        Plan::new(&[site("a", &["x"]), site("b", &["y"]), site("r", &["x", "y"])]).unwrap()
    }

    #[test]
    fn segments_are_shared_only_where_both_are_plugged_in() {
        let plan = plan();
        assert_eq!(plan.shared(0, 1).unwrap(), None);
        assert_eq!(plan.shared(0, 2).unwrap(), Some(0));
        assert_eq!(plan.shared(1, 2).unwrap(), Some(1));
        assert_eq!(plan.first_pair().unwrap(), ("a", "r"));
        assert_eq!(address(1, 2).unwrap().to_string(), "10.77.2.13");
    }

    #[test]
    fn a_cut_outlives_regrouping() {
        let plan = plan();
        let mut wiring = Wiring::together(3);
        wiring.set_cut(0, true);
        wiring.set_groups(plan.groups(&[&["a", "r"], &["b"]]).unwrap());
        assert!(!wiring.passes(0, 2) && !wiring.passes(1, 2));
        wiring.set_cut(0, false);
        assert!(wiring.passes(0, 2) && !wiring.passes(0, 1));
    }

    #[test]
    fn a_site_in_no_group_is_alone_and_not_with_the_others_left_out() {
        let mut wiring = Wiring::together(3);
        wiring.set_groups(plan().groups(&[&["r"]]).unwrap());
        assert!(!wiring.passes(0, 1));
    }

    #[test]
    fn wrong_plans_are_refused() {
        let site = |name| Site { name, segments: &["x"], udp: &[], tcp: &[] };
        assert!(Plan::new(&[site("a"), site("a")]).is_err());
        assert!(Plan::new(&[Site { segments: &[], ..site("a") }]).is_err());
        assert!(Plan::new(&[Site { segments: &["x", "x"], ..site("a") }]).is_err());
        assert!(Plan::new(&[Site { udp: &[CHECK_PORT], ..site("a") }]).is_err());
        assert!(plan().groups(&[&["a"], &["a"]]).is_err());
        assert!(plan().groups(&[&["stranger"]]).is_err());
    }
}
