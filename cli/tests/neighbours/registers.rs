//! Registers that are not what they should be.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::{
    community::{LOOPBACK, centre, elders, folder},
    site::{Site, finished},
};

const HEADINGS: &str = "编号,姓名,性别,出生日期,身份证号,联系电话,家庭住址,备注\n";

/// Writes a file that is to be imported.
fn written(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// Imports what cannot be a register; returns why.
fn refused(centre: &Site, path: &Path) -> String {
    let run = centre.run(&["elder", "import", path.to_str().unwrap()]);
    let (code, message) = run.refusal();
    assert_eq!((run.code, code.as_str()), (2, "invalid"), "{message}");
    assert_eq!(elders(centre).len(), 0, "half a register was taken");
    message
}

#[test]
fn a_file_that_is_no_register_is_refused_whole_with_what_to_do() {
    let folder = folder();
    let mut centre = centre(folder.path(), None, LOOPBACK);
    let write = |name: &str, bytes: &[u8]| written(folder.path(), name, bytes);

    let row = "1,王秀英,女,1941-05-02,,,,\n";
    let broken = [HEADINGS.as_bytes(), row.as_bytes(), b"2,\xff\xff,\n"].concat();
    let why = refused(&centre, &write("broken.csv", &broken));
    assert!(why.contains("line 3") && why.contains("save the file again"), "{why}");

    let why = refused(&centre, &write("columns.csv", "编号,姓名\n1,王秀英\n".as_bytes()));
    assert!(why.contains("出生日期 / 出生年月日") && why.contains("编号"), "{why}");
    let path = folder.path().join("columns.csv");
    let mut plain = Command::new(env!("CARGO_BIN_EXE_linli"));
    plain.args(["--lang", "zh", "--data"]).arg(centre.data()).args(["elder", "import"]).arg(path);
    let said = finished(&mut plain).err;
    assert!(said.contains("缺少这些列名：性别, 出生日期 / 出生年月日, "), "{said}");

    let why = refused(&centre, &write("empty.csv", b""));
    assert!(why.contains("name the columns"), "{why}");

    let why = refused(&centre, &write("sheet.csv", b"PK\x03\x04 and so on"));
    assert!(why.contains("XLSX") && why.contains("save it as CSV"), "{why}");

    let large = folder.path().join("large.csv");
    File::create(&large).unwrap().set_len(1 << 30).unwrap();
    let why = refused(&centre, &large);
    assert!(why.contains("split"), "{why}");

    let why = refused(&centre, &folder.path().join("missing.csv"));
    assert!(why.contains("missing.csv"), "{why}");
    refused(&centre, folder.path());
    centre.lives();
}

#[test]
fn rows_that_cannot_be_elders_are_listed_and_the_others_are_taken() {
    let folder = folder();
    let mut centre = centre(folder.path(), None, LOOPBACK);
    let long = "长".repeat(1_000_000);
    let rows = [
        HEADINGS,
        "1,王秀英,女,1941-05-02,,13800000000,桃园路 1号,\n",
        &format!("2,李桂兰,女,1939-01-09,,,桃园路 2号,{long}\n"),
        "3,,女,1944-11-30,,,桃园路 3号,\n",
        "4,张玉珍,女\n",
        "1,赵淑芬,女,1947-07-07,,,桃园路 5号,\n",
        "6,陈国强,男,1936-13-45,,,桃园路 6号,\n",
    ];
    let path = written(folder.path(), "mixed.csv", rows.concat().as_bytes());
    let import = ["elder", "import", path.to_str().unwrap()];

    let dry = centre.ask(&[&import[..], &["--dry-run"]].concat());
    assert_eq!(counts(&dry), [6, 2, 0, 4], "{dry}");
    assert_eq!(elders(&centre).len(), 0);

    let answer = centre.ask(&import);
    assert_eq!(counts(&answer), [6, 2, 0, 4], "{answer}");
    let refused = answer["refused"].as_array().unwrap();
    let lines: Vec<&Value> = refused.iter().map(|row| &row[0]).collect();
    assert_eq!(lines, [&json!(3), &json!(4), &json!(5), &json!(6)]);
    let reasons: Vec<&str> =
        refused.iter().map(|row| row[1]["message"].as_str().unwrap()).collect();
    let expected = ["shorten it", "no name", "cells", "used before"];
    for (reason, expected) in reasons.into_iter().zip(expected) {
        assert!(reason.contains(expected), "{reason}");
        assert!(reason.len() < 500, "the reason repeats the cell");
    }
    let taken = elders(&centre);
    assert_eq!(taken.len(), 2);
    // A date that cannot be is kept as it was typed and hides nobody.
    let row = centre.ask(&["elder", "list", "陈国强"]);
    assert_eq!((&row["total"], &row["elders"][0]["birth_date"]), (&json!(1), &Value::Null));

    let again = centre.ask(&import);
    assert_eq!(counts(&again), [6, 0, 2, 4], "{again}");
    assert_eq!(elders(&centre), taken);
    centre.lives();
}

/// Rows, added, known and refused.
fn counts(answer: &Value) -> [u64; 4] {
    let refused = u64::try_from(answer["refused"].as_array().unwrap().len()).unwrap();
    let count = |key: &str| answer[key].as_u64().unwrap();
    [count("rows"), count("added"), count("known"), refused]
}
