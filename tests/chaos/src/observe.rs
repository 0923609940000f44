//! What the processes of a deployment say of themselves over HTTP: readiness, stop codes, liveness and the metric.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use tapedeck_schemas::reason::Reason;

use crate::deployment::Deployment;

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_millis(500);
/// Most bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 256 * 1024;

/// What a group says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupState {
    /// `/readyz` returns 200.
    Ready,
    /// `/readyz` returns 503 and a stop code.
    Stopped(Reason),
    /// `/readyz` returns 503 and another reason; or there is no answer. Holds the text.
    Waiting(String),
}

/// The answers of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The answer of `/readyz`.
    pub state: GroupState,
    /// The text of `/readyz`.
    pub text: String,
    /// Whether `/livez` returns 200.
    pub is_live: bool,
    /// The stop codes for which `/metrics` has `tapedeck_stopped` = 1.
    pub alerts: Vec<String>,
}

/// Status and body of the answer to a GET request; `None` without an answer.
pub fn get(http: &str, path: &str) -> Option<(u16, String)> {
    let request = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(http)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n")?;
        let mut response = String::new();
        stream.take(ANSWER_BYTES_MAX).read_to_string(&mut response)?;
        Ok(response)
    };
    let response = request().ok()?;
    let status = response.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some((status, response.split_once("\r\n\r\n").map(|(_, body)| body.to_string()).unwrap_or_default()))
}

/// The answers of a process.
pub fn observe(http: &str) -> Observed {
    let (state, text) = match get(http, "/readyz") {
        None => (GroupState::Waiting("no answer".into()), String::new()),
        Some((200, text)) => (GroupState::Ready, text),
        Some((_, text)) => (state_of(&text), text),
    };
    let is_live = get(http, "/livez").is_some_and(|(status, _)| status == 200);
    let metrics = get(http, "/metrics").map(|(_, text)| text).unwrap_or_default();
    Observed { state, text: text.trim().into(), is_live, alerts: alerts(&metrics) }
}

/// The state in a text of `/readyz`: `risk on partition 0: tape-lost-data: tape lost data: …`.
fn state_of(text: &str) -> GroupState {
    let name = text.split([':', ',']).nth(1).unwrap_or_default().trim();
    match name.parse::<Reason>() {
        Ok(reason) if reason.is_stop() => GroupState::Stopped(reason),
        _ => GroupState::Waiting(if name.is_empty() { text.into() } else { name.into() }),
    }
}

/// The stop codes in lines such as `tapedeck_stopped{group="risk",partition="0",reason="tape-lost-data"} 1`.
fn alerts(metrics: &str) -> Vec<String> {
    let lines = metrics.lines().filter(|line| line.starts_with("tapedeck_stopped{") && line.ends_with(" 1"));
    lines.filter_map(|line| Some(line.split_once("reason=\"")?.1.split('"').next()?.to_string())).collect()
}

/// The answers of every running process, by group.
pub fn observe_all(deployment: &Deployment) -> BTreeMap<&'static str, Observed> {
    let of = |(group, members): (&&'static str, &Vec<crate::deployment::Member>)| {
        members.last().map(|member| (*group, observe(&member.http)))
    };
    deployment.groups.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_code_is_read_from_readiness_and_from_the_metric() {
        let text = "risk on partition 0: tape-lost-data: tape lost data: record 5 was read, but it ends at 4";
        assert_eq!(state_of(text), GroupState::Stopped(Reason::TapeLostData));
        assert_eq!(
            state_of("risk on partition 0: checking, without a witness"),
            GroupState::Waiting("checking".into())
        );
        let line = "tapedeck_stopped{group=\"risk\",partition=\"0\",reason=\"tape-lost-data\"} ";
        assert_eq!(alerts(&format!("# EOF\n{line}1\n")), ["tape-lost-data"]);
        assert_eq!(alerts(&format!("{line}0\n")), Vec::<String>::new());
    }
}
