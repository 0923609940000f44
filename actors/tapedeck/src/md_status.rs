//! Requests on `md-status.<source>`, which the group `answers` answers.

use std::time::{Duration, Instant};

use async_nats::RequestErrorKind;
use tapedeck_answers::{SourceStatus, StatusRequest};
use tapedeck_runtime::Bus;
use tapedeck_schemas::ids::{SourceId, Token};

/// The status of the source with every instrument of the session, or why there is none in time.
pub(crate) async fn session_status(
    bus: &Bus,
    source: SourceId,
    session: Token,
    timeout: Duration,
) -> Result<SourceStatus, String> {
    let subject = format!("md-status.{source}");
    let began = Instant::now();
    let mut request = StatusRequest { session: Some(session.to_string()), after: None };
    let mut all: Option<SourceStatus> = None;
    loop {
        let payload = serde_json::to_vec(&request).expect("writing to memory cannot fail");
        let left = timeout.saturating_sub(began.elapsed());
        let asked = async_nats::Request::new().payload(payload.into()).timeout(Some(left));
        let answer = bus.client().send_request(subject.clone(), asked).await;
        let answer = answer.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => format!("no process of the group answers replied on {subject}"),
            _ => format!("{subject} gave no reply: {error}"),
        })?;
        let page = serde_json::from_slice(&answer.payload);
        let text = || String::from_utf8_lossy(&answer.payload[..answer.payload.len().min(200)]).into_owned();
        let mut page: SourceStatus = page.map_err(|_| format!("{subject} replied {}", text()))?;
        request.after = page.next.take();
        // The counts of a later page are as good; the sessions are the rest.
        page.sessions.splice(0..0, all.take().into_iter().flat_map(|before| before.sessions));
        match request.after {
            None => return Ok(page),
            Some(_) => all = Some(page),
        }
    }
}
