//! The table: situations, what was said, and what should have been.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::common::{System, json, text};
use crate::processes::get;

/// Longest time that a command may take, whatever the situation. Commands end earlier by themselves.
const COMMAND_MAX: Duration = Duration::from_secs(60);

/// Rows, and the cells that are not as they should be.
#[derive(Default)]
pub(crate) struct Table {
    rows: Mutex<Vec<Row>>,
}

struct Row {
    situation: String,
    cells: [String; 3],
    faults: Vec<String>,
}

/// One row under construction.
pub(crate) struct Situation<'a> {
    table: &'a Table,
    row: Row,
}

impl Table {
    /// A situation, to which its checks are added.
    pub(crate) fn situation(&self, situation: &str) -> Situation<'_> {
        let row = Row { situation: situation.into(), cells: Default::default(), faults: Vec::new() };
        Situation { table: self, row }
    }

    /// Prints the table, and fails if a cell is wrong or situations are missing.
    pub(crate) fn finish(&self, least: usize) {
        let rows = self.rows.lock().unwrap();
        let mut out = String::from("| situation | status | /readyz | command |\n|---|---|---|---|\n");
        for Row { situation, cells: [status, readyz, command], faults } in rows.iter() {
            let mark = if faults.is_empty() { "" } else { " **WRONG**" };
            out += &format!("| {situation}{mark} | {status} | {readyz} | {command} |\n");
        }
        let faults: Vec<_> = rows.iter().flat_map(|row| row.faults.iter().map(|f| (&row.situation, f))).collect();
        out += &format!("\n{} situations, {} of them told wrong\n", rows.len(), faults.len());
        std::io::stdout().write_all(out.as_bytes()).unwrap();
        assert!(faults.is_empty(), "{faults:#?}");
        assert!(rows.len() >= least, "{} situations, expected at least {least}", rows.len());
    }
}

impl Situation<'_> {
    fn cell(&mut self, column: usize, found: String, wanted: &[&str]) {
        let missing: Vec<_> = wanted.iter().filter(|part| !found.contains(**part)).collect();
        if !missing.is_empty() {
            self.row.faults.push(format!("{found}: lacks {missing:?}"));
        }
        let cell = &mut self.row.cells[column];
        if !cell.is_empty() {
            *cell += "; ";
        }
        *cell += &found.replace('|', "/").chars().take(140).collect::<String>();
    }

    /// `status` exits with this, and each of these `REASON(GROUP)` or `REASON` is among its reasons; with none given,
    /// there must be none.
    pub(crate) fn status(mut self, system: &System, exit: i32, wanted: &[&str]) -> Self {
        let mut found = String::new();
        for _ in 0..30 {
            let (output, _) = run(system.command(&["status", "--json"]));
            let code = output.status.code().unwrap_or(-1);
            found = format!("{code} {}", reasons(&output));
            let is_as_wanted = code == exit && wanted.iter().all(|part| found.contains(part));
            if is_as_wanted {
                break;
            }
            std::thread::sleep(Duration::from_millis(300));
        }
        let exit = format!("{exit} ");
        let wanted: Vec<&str> = std::iter::once(exit.as_str()).chain(wanted.iter().copied()).collect();
        self.cell(0, found, &wanted);
        self
    }

    /// `/readyz` of a process answers with this code and contains this text, within 30 s.
    pub(crate) fn readyz(mut self, port: u16, code: u16, wanted: &str) -> Self {
        let began = Instant::now();
        let found = loop {
            let answer = get(port, "/readyz");
            let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
            let found = format!("{} {}", head.get(9..12).unwrap_or("none"), body.lines().next().unwrap_or(""));
            if (found.starts_with(&code.to_string()) && found.contains(wanted)) || began.elapsed().as_secs() > 30 {
                break found;
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        self.cell(1, found, &[&code.to_string(), wanted]);
        self
    }

    /// A command exits with this, and prints these texts on standard output or error.
    pub(crate) fn command(self, system: &System, args: &[&str], exit: i32, wanted: &[&str]) -> Self {
        self.timed(system, args, exit, wanted, COMMAND_MAX)
    }

    /// As [`Situation::command`], within a bound.
    pub(crate) fn timed(mut self, system: &System, args: &[&str], exit: i32, wanted: &[&str], bound: Duration) -> Self {
        let (output, took) = run(system.command(args));
        let said = text(&output.stdout) + &text(&output.stderr);
        let code = output.status.code().unwrap_or(-1);
        if code != exit || took > bound {
            self.row.faults.push(format!("{args:?} exits with {code} after {took:?}, not {exit}: {said}"));
        }
        let lacks: Vec<_> = wanted.iter().filter(|part| !said.contains(**part)).collect();
        if !lacks.is_empty() {
            self.row.faults.push(format!("{args:?} does not say {lacks:?}: {said}"));
        }
        let line = said.lines().find(|line| wanted.first().is_none_or(|part| line.contains(part))).unwrap_or("");
        self.cell(2, format!("`{}` {code}: {}", args[..args.len().min(2)].join(" "), line.trim()), &[]);
        self
    }

    /// A further fact of the situation that must hold.
    pub(crate) fn holds(mut self, holds: bool, what: &str) -> Self {
        if !holds {
            self.row.faults.push(format!("not true: {what}"));
        }
        self.cell(2, what.into(), &[]);
        self
    }

    /// Adds the situation to the table.
    pub(crate) fn end(self) {
        self.table.rows.lock().unwrap().push(self.row);
    }
}

/// Runs a command, which is killed if it does not end.
fn run(mut command: Command) -> (Output, Duration) {
    let began = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > COMMAND_MAX {
            let _ = child.kill();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    (child.wait_with_output().unwrap(), began.elapsed())
}

/// The reasons of `status --json`, each once: `REASON(GROUP)`.
fn reasons(output: &Output) -> String {
    let said = text(&output.stdout);
    if said.is_empty() {
        return text(&output.stderr).lines().next().unwrap_or("").into();
    }
    let status = json(&said);
    let mut reasons: Vec<String> = status["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| match one["group"].as_str() {
            Some(group) => format!("{}({group})", one["reason"].as_str().unwrap()),
            None => one["reason"].as_str().unwrap().to_string(),
        })
        .collect();
    reasons.sort();
    reasons.dedup();
    if reasons.is_empty() { "healthy".into() } else { reasons.join(" ") }
}
