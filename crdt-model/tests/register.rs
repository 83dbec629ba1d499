//! Registers as offices type them: the two shipped ones, and broken ones.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

use std::collections::BTreeSet;

use linli_model::matching::{self, Doubt, Verdict};
use linli_model::profile;
use linli_model::register::{self, Column, Encoding, Register, RegisterError, RowError};

const NORTH: &[u8] = include_bytes!("../data/registers/register-north.csv");
const WEST: &[u8] = include_bytes!("../data/registers/register-west.csv");
const TRUTH: &str = include_str!("../data/registers/truth.csv");
const HEADINGS: &str = "编号,姓名,性别,出生日期,身份证号,联系电话,家庭住址\n";

fn north() -> Register {
    register::read(NORTH).unwrap()
}

fn west() -> Register {
    register::read(WEST).unwrap()
}

fn rows(text: &str) -> Register {
    register::read(format!("{HEADINGS}{text}").as_bytes()).unwrap()
}

#[test]
fn both_registers_are_read_whole() {
    let (north, west) = (north(), west());
    assert_eq!((north.encoding, west.encoding), (Encoding::Utf8Marked, Encoding::Gb18030));
    assert_eq!((north.rows.len(), west.rows.len()), (560, 599));
    assert!(north.refused.is_empty() && west.refused.is_empty());
    assert!(north.unknown_columns.is_empty() && west.unknown_columns.is_empty());
    for register in [&north, &west] {
        for row in &register.rows {
            assert_eq!(row.sex.unread(), None);
            assert_eq!(row.birth_date.unread(), None);
            assert_eq!(row.living_situation.unread(), None);
            assert_eq!(row.payment_class.unread(), None);
            assert_eq!(row.ability_level.unread(), None);
        }
    }
    // Thirty telephone numbers are mistyped: no mobile number begins with 10, 11 or 12.
    let both = north.rows.iter().chain(&west.rows);
    assert_eq!(both.filter(|row| row.phone.unread().is_some()).count(), 30);
    let valid = |r: &Register| r.rows.iter().filter(|r| r.national_id.value().is_some()).count();
    let unread = |r: &Register| r.rows.iter().filter(|r| r.national_id.unread().is_some()).count();
    assert_eq!((valid(&north), unread(&north)), (427, 28));
    assert_eq!((valid(&west), unread(&west)), (435, 30));
}

#[test]
fn one_hundred_and_forty_eight_pairs_are_certain_and_fifteen_are_asked_about() {
    let records: Vec<_> = north()
        .rows
        .iter()
        .map(|row| row.identity("north"))
        .chain(west().rows.iter().map(|row| row.identity("west")))
        .collect();
    let found = matching::matches(&records);
    assert_eq!(found.len(), 163, "pairs with the same valid number");
    let certain = found.iter().filter(|m| m.verdict == Verdict::Certain);
    assert_eq!(certain.clone().count(), 148);
    assert_eq!(certain.filter(|m| m.a.source != m.b.source).count(), 133, "across the registers");
    let asked = found.iter().filter(|m| m.verdict == Verdict::AskClerk(vec![Doubt::Name]));
    assert_eq!(asked.count(), 15, "what is asked about differs in the name only");

    let truth: BTreeSet<(String, String)> = TRUTH
        .lines()
        .skip(1)
        .filter_map(|line| line.trim().split_once(','))
        .flat_map(|(a, b)| [(a.to_owned(), b.to_owned()), (b.to_owned(), a.to_owned())])
        .collect();
    for pair in &found {
        assert!(truth.contains(&(pair.a.record.clone(), pair.b.record.clone())), "{pair:?}");
    }
}

#[test]
fn a_row_becomes_a_profile_and_nothing_is_lost() {
    let register = rows(
        "7,王秀英,女,1949.12.31,11010519491231002x,159-7476-3649,桃园路 1\n\
         8,李建国,男性?,1949.2.30,110105194912310021,abc,桃园路 2\n",
    );
    let mut doc = automerge::AutoCommit::new();
    register.rows[0].to_profile(&mut doc, "north").unwrap();
    doc.commit();
    let fields = register.rows[0].fields("north");
    let value = |fields: &[(profile::ProfileField, String)], field| {
        fields.iter().find(|(f, _)| *f == field).map(|(_, value)| value.clone())
    };
    use profile::ProfileField as F;
    assert_eq!(value(&fields, F::BirthDate).as_deref(), Some("1949-12-31"));
    assert_eq!(value(&fields, F::NationalId).as_deref(), Some("11010519491231002X"));
    assert_eq!(value(&fields, F::Phone).as_deref(), Some("15974763649"));
    assert_eq!(value(&fields, F::Source).as_deref(), Some("north/7"));
    let fields = register.rows[1].fields("north");
    assert_eq!(value(&fields, F::BirthDateUnchecked).as_deref(), Some("1949.2.30"));
    assert_eq!(value(&fields, F::NationalIdUnchecked).as_deref(), Some("110105194912310021"));
    assert_eq!(value(&fields, F::PhoneUnchecked).as_deref(), Some("abc"));
    assert_eq!(value(&fields, F::Note).as_deref(), Some("男性?"));
    assert_eq!(value(&fields, F::Sex), None);
}

#[test]
fn every_row_of_the_registers_writes_a_profile() {
    for register in [north(), west()] {
        for row in register.rows.iter().step_by(20) {
            let mut doc = automerge::AutoCommit::new();
            row.to_profile(&mut doc, "x").unwrap();
        }
    }
}

#[test]
fn no_row_vanishes() {
    let long = "长".repeat(1_000_000);
    let register = rows(&format!(
        "1,甲,男,,,,\n\
         ,乙,男,,,,\n\
         3,,男,,,,\n\
         1,丁,男,,,,\n\
         5,戊,男,,,\n\
         6,己,男,,,,,\n\
         7,庚,男,,,,{long}\n\
         8,\"辛\n辛\",男,,,,\n\
         9,壬,男,,,,\"never closed\n10,癸,男,,,,\n"
    ));
    let accepted: Vec<_> = register.rows.iter().map(|r| (r.line, r.record.as_str())).collect();
    let refused: Vec<_> = register.refused.iter().map(|r| (r.line, r.reason.clone())).collect();
    assert_eq!(
        refused,
        [
            (3, RowError::NoRecord),
            (4, RowError::NoName),
            (5, RowError::SameRecord { first_line: 2 }),
            (6, RowError::Cells { found: 6, expected: 7 }),
            (7, RowError::Cells { found: 8, expected: 7 }),
            (8, RowError::CellTooLong { column: "家庭住址".to_owned(), chars: 1_000_000 }),
        ]
    );
    // The quote that is never closed takes the rest of the file into its cell, where it is seen.
    assert_eq!(accepted, [(2, "1"), (9, "8"), (11, "9")]);
    assert!(register.rows[2].address.as_ref().is_some_and(|a| a.as_str().contains("10,癸")));
}

#[test]
fn a_file_that_is_no_register_says_why() {
    assert_eq!(register::read(b""), Err(RegisterError::Empty));
    assert_eq!(register::read(b"\n\n"), Err(RegisterError::Empty));
    let not_text =
        |bytes: &[u8]| matches!(register::read(bytes), Err(RegisterError::NotText { .. }));
    assert!(not_text(b"PK\x03\x04rest"));
    assert!(not_text(b"\xff\xfe\x16\x7f"));
    assert!(not_text(b"a,b\0"));
    let Err(RegisterError::MissingColumns { missing, found }) =
        register::read("编号,姓名,性别,生日\n1,甲,男,x\n".as_bytes())
    else {
        panic!("columns are missing");
    };
    assert_eq!(missing, [Column::BirthDate, Column::NationalId, Column::Phone, Column::Address]);
    assert_eq!(found, ["编号", "姓名", "性别", "生日"]);
    let said = RegisterError::MissingColumns { missing, found }.to_string();
    let named = "出生日期 / 出生年月日, 身份证号 / 身份证号码 / 证件号码, 联系电话 / 手机/座机 / 电话, 家庭住址 / 地址 / 住址;";
    for part in [named, "编号, 姓名, 性别, 生日", "save the file again"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(!said.contains("BirthDate"), "{said}");
    // Without headings the first row is a person's.
    let Err(RegisterError::MissingColumns { missing, found }) =
        register::read("7,王秀英,女,1949.12.31,,,桃园路 1\n".as_bytes())
    else {
        panic!("columns are missing");
    };
    assert_eq!((missing.len(), found.len()), (7, 0));
    let doubled = format!("序号,{HEADINGS}");
    assert_eq!(
        register::read(doubled.as_bytes()),
        Err(RegisterError::DoubleColumn { column: Column::Record })
    );
    let large = vec![b'a'; 64 * 1024 * 1024 + 1];
    assert!(matches!(register::read(&large), Err(RegisterError::TooLarge { .. })));
}

#[test]
fn broken_text_is_located() {
    let mut bytes = NORTH.to_vec();
    let offset = 5_000 + bytes[5_000..].iter().position(u8::is_ascii_digit).unwrap_or(0);
    bytes[offset] = 0xff;
    let line = bytes[..offset].iter().filter(|b| **b == b'\n').count() + 1;
    assert_eq!(
        register::read(&bytes),
        Err(RegisterError::Broken { encoding: Encoding::Utf8Marked, offset, line })
    );
    let mut bytes = WEST.to_vec();
    let offset = bytes.iter().position(|b| *b == b'\n').unwrap_or(0) + 1;
    bytes[offset] = 0xff;
    assert_eq!(
        register::read(&bytes),
        Err(RegisterError::Broken { encoding: Encoding::Gb18030, offset, line: 2 })
    );
}

#[test]
fn other_separators_and_columns_are_taken() {
    let text = format!("{}\t口味\n1\t甲\t男\t\t\t\t路\t清淡\n", HEADINGS.trim().replace(',', "\t"));
    let register = register::read(text.as_bytes()).unwrap();
    assert_eq!(register.encoding, Encoding::Utf8);
    assert_eq!(register.unknown_columns, ["口味"]);
    assert_eq!(register.rows[0].other["口味"].as_str(), "清淡");
}

#[test]
fn nothing_about_a_person_is_in_debug_output_or_errors() {
    let register =
        rows("7,王秀英,女,1949.2.31,11010519491231002x,159-7476-3649,桃园路 1\n,王秀英,,,,,\n");
    let shown = format!("{register:?} {}", register.refused[0].reason);
    for secret in ["王秀英", "1949", "11010519491231002", "7476", "桃园路"] {
        assert!(!shown.contains(secret), "{secret}");
    }
}
