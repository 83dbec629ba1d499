//! The input files, and what must come of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use encoding_rs::GB18030;
use linli_model::register::{self, RegisterRow};

use super::markers::REGISTERED;

const NORTH: &[u8] = include_bytes!("../../../crdt-model/data/registers/register-north.csv");
const WEST: &[u8] = include_bytes!("../../../crdt-model/data/registers/register-west.csv");

/// The telephone of who borrows a number in the centre's register.
pub(crate) const BORROWER_PHONE: &str = "13900000002";

/// A pair of elders, the lower id first.
pub(crate) type Pair = (String, String);

/// One row of a register.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The elder it becomes.
    pub(crate) elder: String,
    id: Option<String>,
    /// What must agree for two rows with one number to be one person.
    person: (String, Option<String>, Option<String>),
}

/// A register as it is imported.
#[derive(Debug)]
pub(crate) struct Register {
    /// The file.
    pub(crate) path: PathBuf,
    /// Its rows, the refused ones not among them.
    pub(crate) rows: Vec<Row>,
    /// How many rows cannot be elders.
    pub(crate) refused: usize,
}

/// Everything the day begins with.
#[derive(Debug)]
pub(crate) struct Inputs {
    /// The day-care station's register.
    pub(crate) north: Register,
    /// The centre's register.
    pub(crate) west: Register,
    /// Every pair of rows with the same valid national id.
    pub(crate) pairs: BTreeSet<Pair>,
    /// Those in which name, sex or birth date differ.
    pub(crate) doubtful: BTreeSet<Pair>,
    /// The pairs that the borrowed ids make.
    pub(crate) borrowed: BTreeSet<Pair>,
}

impl Inputs {
    /// Writes the registers, each with a row that borrows somebody else's id, and works out what must
    /// come of them.
    pub(crate) fn write(folder: &Path) -> Result<Self> {
        let (north, west) = (utf8(NORTH), decoded(WEST));
        let (from_north, from_west) =
            (read("register-north", NORTH)?, read("register-west", WEST)?);
        let shipped: Vec<Row> = from_north.iter().chain(&from_west).cloned().collect();
        let lent_north = lender(&from_north, &shipped)?;
        let lent_west = lender(&from_west, &shipped)?;
        // Two rows that borrow a number: the station's from somebody in the centre's register, and the
        // other way round. Name and birth date are the borrowers' own.
        let north = format!(
            "{north}B90001,{REGISTERED},男,1949-02-11,{lent_west},13900000001,莲湖区桃园路街道 9号楼,独居,自费,0 完好,\r\n"
        );
        let west = format!(
            "{west}X90001,毕借号,女,1951.7.9,{lent_north},{BORROWER_PHONE},莲湖区桃园路街道 10号楼,独居,自费,能力完好,\r\n"
        );
        let (west, _, wrong) = GB18030.encode(&west);
        if wrong {
            bail!("the western register has letters that GB18030 has not");
        }
        let north = keep(folder, "register-north", north.as_bytes())?;
        let west = keep(folder, "register-west", &west)?;
        let all: Vec<&Row> = north.rows.iter().chain(&west.rows).collect();
        let (pairs, doubtful) = pairs(&all);
        let last: BTreeSet<&str> = [north.rows.last(), west.rows.last()]
            .into_iter()
            .flatten()
            .map(|row| row.elder.as_str())
            .collect();
        let is_borrowed =
            |pair: &&Pair| last.contains(pair.0.as_str()) || last.contains(pair.1.as_str());
        let borrowed = pairs.iter().filter(is_borrowed).cloned().collect();
        Ok(Self { north, west, pairs, doubtful, borrowed })
    }

    /// Every elder of the registers.
    pub(crate) fn elders(&self) -> BTreeSet<String> {
        self.north.rows.iter().chain(&self.west.rows).map(|row| row.elder.clone()).collect()
    }

    /// Elders of the station's register that are in one record only.
    pub(crate) fn single(&self) -> impl Iterator<Item = &Row> {
        let paired: BTreeSet<&str> =
            self.pairs.iter().flat_map(|(a, b)| [a.as_str(), b.as_str()]).collect();
        self.north.rows.iter().filter(move |row| !paired.contains(row.elder.as_str()))
    }
}

fn utf8(bytes: &[u8]) -> String {
    ending(String::from_utf8_lossy(bytes).into_owned())
}

fn decoded(bytes: &[u8]) -> String {
    ending(GB18030.decode(bytes).0.into_owned())
}

/// The text with a line end after its last row.
fn ending(text: String) -> String {
    if text.ends_with('\n') { text } else { text + "\r\n" }
}

fn read(source: &str, bytes: &[u8]) -> Result<Vec<Row>> {
    let register = register::read(bytes)?;
    Ok(register.rows.iter().map(|row| self::row(source, row)).collect())
}

fn keep(folder: &Path, source: &str, bytes: &[u8]) -> Result<Register> {
    let path = folder.join(format!("{source}.csv"));
    fs::write(&path, bytes)?;
    let refused = register::read(bytes)?.refused.len();
    Ok(Register { path, rows: read(source, bytes)?, refused })
}

fn row(source: &str, row: &RegisterRow) -> Row {
    let name = row.name.as_str().to_owned();
    let sex = row.sex.value().filter(|sex| sex.is_known()).map(|sex| sex.code().to_owned());
    let born = row.birth_date.value().map(ToString::to_string);
    Row {
        elder: elder(source, &row.record),
        id: row.national_id.value().map(|id| id.as_str().to_owned()),
        person: (name, sex, born),
    }
}

/// The elder of a row, as `docs/spec/control.md` has it: importing twice adds nobody twice.
fn elder(source: &str, record: &str) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("linli 1 elder of a register");
    hasher.update(&u64::try_from(source.len()).unwrap_or(u64::MAX).to_le_bytes());
    hasher.update(source.as_bytes()).update(record.as_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// A valid number that one row only has.
fn lender(from: &[Row], all: &[Row]) -> Result<String> {
    let ids = |row: &Row| row.id.clone();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for id in all.iter().filter_map(ids) {
        *counts.entry(id).or_default() += 1;
    }
    from.iter()
        .filter_map(ids)
        .find(|id| counts.get(id) == Some(&1))
        .context("nobody has a number to lend")
}

/// Every pair of rows with one number, and those that say different things about the person.
fn pairs(all: &[&Row]) -> (BTreeSet<Pair>, BTreeSet<Pair>) {
    let mut by_id: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in all {
        if let Some(id) = &row.id {
            by_id.entry(id).or_default().push(row);
        }
    }
    let (mut pairs, mut doubtful) = (BTreeSet::new(), BTreeSet::new());
    for rows in by_id.values() {
        for (at, one) in rows.iter().enumerate() {
            for other in rows.iter().skip(at + 1) {
                let pair = pair(&one.elder, &other.elder);
                if differ(one, other) {
                    doubtful.insert(pair.clone());
                }
                pairs.insert(pair);
            }
        }
    }
    (pairs, doubtful)
}

/// Whether name, sex or birth date speak against one person. A first of January of the same year stands
/// for a year alone.
fn differ(one: &Row, other: &Row) -> bool {
    let plain = |name: &str| name.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    let both = |a: &Option<String>, b: &Option<String>| a.clone().zip(b.clone());
    let born = both(&one.person.2, &other.person.2).is_some_and(|(a, b)| {
        let year_only = a.ends_with("-01-01") || b.ends_with("-01-01");
        a != b && !(year_only && a.get(..4) == b.get(..4))
    });
    let sex = both(&one.person.1, &other.person.1).is_some_and(|(a, b)| a != b);
    plain(&one.person.0) != plain(&other.person.0) || sex || born
}

/// The pair of two elders.
pub(crate) fn pair(a: &str, b: &str) -> Pair {
    if a < b { (a.to_owned(), b.to_owned()) } else { (b.to_owned(), a.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_registers_make_163_pairs_and_the_borrowers_two_more() {
        let folder = tempfile::tempdir().unwrap();
        let inputs = Inputs::write(folder.path()).unwrap();
        // 148 with numbers of 18 digits as typed, 15 more where one is an old one of 15 digits.
        assert_eq!(inputs.pairs.len(), 148 + 15 + 2);
        assert_eq!(inputs.borrowed.len(), 2);
        assert!(inputs.borrowed.is_subset(&inputs.doubtful));
        assert_eq!(inputs.north.rows.len() + inputs.north.refused, 560 + 1);
        let again = fs::read(&inputs.west.path).unwrap();
        assert!(again.starts_with(&WEST[..WEST.len() - 2]));
    }
}
