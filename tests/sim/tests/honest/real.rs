//! The server's side of a script: requests by async-nats, and the answers of nats-server.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, Info, LastRawMessageErrorKind, RawMessageErrorKind, StorageType,
};
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, HeaderMap, Request, RequestErrorKind};
use serde_json::{Value, json};
use tapedeck_sim::broker::{Replicas, StreamConfig};
use tapedeck_sim::message::{Publish, Reply};

use crate::script::{Answer, Held, Step, With as _, config, header_lines, publish};

/// Attempts until a cluster accepts requests.
const READY_TRIES: u32 = 200;
/// The time limit of a request.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// The time limit of a request that may stay unanswered.
pub(crate) const SHORT_ANSWER_MAX: Duration = Duration::from_secs(1);
/// An expected sequence that is always wrong.
pub(crate) const NEVER: u64 = u32::MAX as u64;
pub(crate) const PAUSE: Duration = Duration::from_millis(50);
/// JetStream is temporarily unavailable: no leader, or not yet the peers of one.
const UNAVAILABLE: ErrorCode = ErrorCode::CLUSTER_NOT_AVAILABLE;

/// A read of one stored message.
#[derive(Debug, Clone, Copy)]
enum Read<'a> {
    LastOf(&'a str),
    At(u64),
}

pub(crate) struct Real {
    pub(crate) replicas: Replicas,
    /// One client for each server.
    pub(crate) clients: Vec<Client>,
    context: jetstream::Context,
}

impl Real {
    pub(crate) async fn connect(replicas: Replicas, urls: &[String]) -> Self {
        let mut clients = Vec::new();
        for url in urls {
            clients.push(async_nats::connect(url).await.unwrap());
        }
        let context = jetstream::new(clients[0].clone());
        let real = Self { replicas, clients, context };
        real.wait_until_ready().await;
        real
    }

    /// The same, without the client of one server.
    pub(crate) fn without(&self, number: usize) -> Self {
        let mut clients = self.clients.clone();
        clients.remove(number);
        let context = jetstream::new(clients[0].clone());
        Self { replicas: self.replicas, clients, context }
    }

    /// Waits until the servers have connected and elected a leader.
    async fn wait_until_ready(&self) {
        // Without a leader there is no answer, so the time limit is short.
        let mut context = self.context.clone();
        context.set_timeout(PAUSE * 10);
        for _ in 0..READY_TRIES {
            let config = self.config(&config("READY"));
            if context.create_stream(config).await.is_ok() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("the servers accept no stream");
    }

    fn config(&self, config: &StreamConfig) -> Config {
        let limit = |max: Option<u64>| max.map_or(-1, |max| i64::try_from(max).unwrap());
        Config {
            name: config.name.clone(),
            subjects: config.subjects.clone(),
            max_bytes: limit(config.max_bytes),
            max_messages: limit(config.max_messages),
            max_message_size: i32::try_from(limit(config.max_message_bytes)).unwrap(),
            duplicate_window: Duration::from_nanos(config.duplicate_window),
            num_replicas: if self.replicas == Replicas::One { 1 } else { 3 },
            storage: StorageType::File,
            discard: DiscardPolicy::New,
            deny_delete: true,
            ..Default::default()
        }
    }

    pub(crate) async fn create(&self, config: &StreamConfig) {
        self.context.create_stream(self.config(config)).await.unwrap();
        self.wait_until_known(&config.subjects).await;
    }

    /// Waits until every server routes these subjects, which may be later than the answer to the stream's creation.
    async fn wait_until_known(&self, subjects: &[String]) {
        for filter in subjects {
            let probe = publish(&filter.replace(['*', '>'], "probe"), "").after(NEVER);
            for client in 0..self.clients.len() {
                let mut tries = 0;
                while !matches!(self.try_publish(client, &probe, SHORT_ANSWER_MAX).await, Some(Reply::Error { .. })) {
                    tries += 1;
                    assert!(tries < READY_TRIES, "{filter}: not routed");
                    tokio::time::sleep(PAUSE / 10).await;
                }
            }
        }
    }

    /// Publishes a request with one of the clients; returns the answer.
    pub(crate) async fn publish(&self, client: usize, publish: &Publish) -> Reply {
        let answer = self.try_publish(client, publish, ANSWER_MAX).await;
        answer.unwrap_or_else(|| panic!("{publish:?}: no answer"))
    }

    /// Publishes a request; `None` without an answer in time.
    pub(crate) async fn try_publish(&self, client: usize, publish: &Publish, time_limit: Duration) -> Option<Reply> {
        let mut headers = HeaderMap::new();
        for (name, value) in header_lines(&publish.headers) {
            headers.append(name, value);
        }
        let mut request = Request::new().payload(publish.payload.to_vec().into()).timeout(Some(time_limit));
        if !headers.is_empty() {
            request = request.headers(headers);
        }
        match self.clients[client].send_request(publish.subject.clone(), request).await {
            Ok(message) => Some(reply(&message.payload)),
            Err(error) if error.kind() == RequestErrorKind::NoResponders => Some(Reply::NoResponders),
            Err(error) if error.kind() == RequestErrorKind::TimedOut => None,
            Err(error) => panic!("{publish:?}: {error}"),
        }
    }

    /// Sends all requests before the first is answered; returns the answers in the order of the requests.
    pub(crate) async fn publish_together(&self, client: usize, burst: &[Publish]) -> Vec<Reply> {
        together(burst.iter().map(|publish| self.publish(client, publish))).await
    }

    pub(crate) async fn answer(&self, stream: &str, step: &Step) -> Answer {
        match step {
            Step::Publish(publish) => Answer::Reply(self.publish(0, publish).await),
            Step::Last(subject) => Answer::Message(self.message(stream, Read::LastOf(subject)).await),
            Step::Get(seq) => Answer::Message(self.message(stream, Read::At(*seq)).await),
            Step::Purge(seq) => {
                let answer = self.api(&format!("STREAM.PURGE.{stream}"), &json!({ "seq": seq })).await;
                Answer::Count(answer["purged"].as_u64().unwrap_or_else(|| panic!("{step:?}: {answer}")))
            }
            Step::Limits { max_bytes, max_messages } => {
                let info = self.info(stream).await;
                let limit = |max: &Option<u64>| max.map_or(-1, |max| i64::try_from(max).unwrap());
                let (max_bytes, max_messages) = (limit(max_bytes), limit(max_messages));
                self.context.update_stream(Config { max_bytes, max_messages, ..info.config }).await.unwrap();
                Answer::Done
            }
            Step::Bounds => {
                let state = self.info(stream).await.state;
                Answer::Bounds(state.first_sequence, state.last_sequence)
            }
            Step::Sleep(time) => {
                tokio::time::sleep(*time).await;
                Answer::Done
            }
            Step::Handover => {
                if self.replicas == Replicas::Three {
                    self.step_down(stream).await;
                }
                Answer::Done
            }
        }
    }

    /// Reads a message. After a leader was lost, a server may answer "temporarily unavailable" for some time, even
    /// after it has served a request; a read has no effect, so it is repeated.
    async fn message(&self, stream: &str, read: Read<'_>) -> Option<Held> {
        let handle = self.context.get_stream_no_info(stream).await.unwrap();
        for _ in 0..READY_TRIES {
            let result = match read {
                Read::LastOf(subject) => {
                    handle.get_last_raw_message_by_subject(subject).await.map_err(|error| match error.kind() {
                        LastRawMessageErrorKind::NoMessageFound => None,
                        LastRawMessageErrorKind::JetStream(error) => Some(error.error_code()),
                        _ => panic!("{stream}, {read:?}: {error}"),
                    })
                }
                Read::At(seq) => handle.get_raw_message(seq).await.map_err(|error| match error.kind() {
                    RawMessageErrorKind::NoMessageFound => None,
                    RawMessageErrorKind::JetStream(error) => Some(error.error_code()),
                    _ => panic!("{stream}, {read:?}: {error}"),
                }),
            };
            match result {
                Ok(message) => return Some(stored(message)),
                Err(None | Some(ErrorCode::NO_MESSAGE_FOUND)) => return None,
                Err(Some(UNAVAILABLE)) => tokio::time::sleep(PAUSE).await,
                Err(Some(code)) => panic!("{stream}, {read:?}: {code:?}"),
            }
        }
        panic!("{stream}, {read:?}: unavailable");
    }

    /// The description of a stream; repeated like [`Real::message`].
    async fn info(&self, stream: &str) -> Info {
        for _ in 0..READY_TRIES {
            match self.context.get_stream(stream).await {
                Ok(handle) => return handle.cached_info().clone(),
                Err(error) => match error.kind() {
                    GetStreamErrorKind::JetStream(error) if error.error_code() == UNAVAILABLE => {
                        tokio::time::sleep(PAUSE).await;
                    }
                    _ => panic!("{stream}: {error}"),
                },
            }
        }
        panic!("{stream}: unavailable");
    }

    /// Whether a leader's read finds a message within a short time.
    pub(crate) async fn finds(&self, stream: &str, subject: &str) -> bool {
        let mut context = self.context.clone();
        context.set_timeout(PAUSE * 10);
        let handle = context.get_stream_no_info(stream).await.unwrap();
        handle.get_last_raw_message_by_subject(subject).await.is_ok()
    }

    async fn step_down(&self, stream: &str) {
        let old = self.leader(stream).await.expect("a leader");
        let answer = self.api(&format!("STREAM.LEADER.STEPDOWN.{stream}"), &json!({})).await;
        assert_eq!(answer["success"], json!(true), "{answer}");
        for _ in 0..READY_TRIES {
            tokio::time::sleep(PAUSE).await;
            if self.leader(stream).await.is_some_and(|new| new != old) {
                return self.wait_until_known(&self.info(stream).await.config.subjects).await;
            }
        }
        panic!("{stream} has no new leader");
    }

    /// The name of the server that leads the stream.
    pub(crate) async fn leader(&self, stream: &str) -> Option<String> {
        let handle = self.context.get_stream(stream).await.ok()?;
        handle.cached_info().cluster.as_ref()?.leader.clone()
    }

    pub(crate) async fn last_sequence(&self, stream: &str) -> u64 {
        match self.answer(stream, &Step::Bounds).await {
            Answer::Bounds(_, last) => last,
            other => panic!("{other:?}"),
        }
    }

    async fn api(&self, request: &str, body: &Value) -> Value {
        let subject = format!("$JS.API.{request}");
        let answer = self.clients[0].request(subject, body.to_string().into()).await.unwrap();
        serde_json::from_slice(&answer.payload).unwrap()
    }
}

/// The outputs of all futures. They are polled in order, so that requests are sent in order before any is answered.
pub(crate) async fn together<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.map(|one| (Box::pin(one), None)).collect();
    poll_fn(|context| {
        for (one, output) in all.iter_mut().filter(|(_, output)| output.is_none()) {
            if let Poll::Ready(got) = one.as_mut().poll(context) {
                *output = Some(got);
            }
        }
        if all.iter().all(|(_, output)| output.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    all.into_iter().filter_map(|(_, output)| output).collect()
}

fn stored(message: StreamMessage) -> Held {
    let mut headers = Vec::new();
    for (name, values) in message.headers.iter() {
        headers.extend(values.iter().map(|value| (name.to_string(), value.to_string())));
    }
    headers.sort();
    Held { seq: message.sequence, subject: message.subject.to_string(), headers, payload: message.payload.to_vec() }
}

fn reply(payload: &[u8]) -> Reply {
    let value: Value = serde_json::from_slice(payload).unwrap();
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{value}"));
    match value.get("error") {
        Some(error) => Reply::Error {
            code: number(&error["code"]).try_into().unwrap(),
            err_code: number(&error["err_code"]).try_into().unwrap(),
            description: error["description"].as_str().unwrap().into(),
        },
        None => Reply::Ack {
            stream: value["stream"].as_str().unwrap().into(),
            seq: number(&value["seq"]),
            duplicate: value["duplicate"].as_bool().unwrap_or(false),
        },
    }
}
