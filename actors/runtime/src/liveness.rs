//! The requests by which a standby finds out whether its writer has an owner.

use std::time::Duration;

use async_nats::{Request, RequestErrorKind, Subscriber};
use futures_util::StreamExt as _;
use tapedeck_kernel::driver::Input;
use tapedeck_kernel::liveness::{ANSWER_TIMEOUT, OwnerAnswer};
use tapedeck_schemas::subject;

use crate::DrainSignal;
use crate::bus::Bus;

/// The reply of an owner that stopped for a loss.
const STOPPED: &[u8] = b"stopped";
/// Delay before the result of a failed read is reported, after which the driver repeats it.
const READ_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Asks the owner of a writer whether it is there.
pub(crate) async fn ask_owner(bus: Bus, subject: String, question: u64) -> Input<'static> {
    let request =
        Request::new().payload(subject::OWNER_QUESTION.into()).timeout(Some(Duration::from_nanos(ANSWER_TIMEOUT)));
    let answer = match bus.client().send_request(subject, request).await.map_err(|error| error.kind()) {
        Ok(reply) if *reply.payload == *STOPPED => OwnerAnswer::Stopped,
        Ok(_) => OwnerAnswer::Alive,
        Err(RequestErrorKind::NoResponders) => OwnerAnswer::NoResponders,
        Err(RequestErrorKind::TimedOut) => OwnerAnswer::TimedOut,
        Err(_) => OwnerAnswer::Unsent,
    };
    Input::OwnerAnswer { question, answer }
}

/// Answers the standbys of an owner that stopped because a store lost data, until the process drains: they must not
/// take over. What the owner knows is lost, they may never have read.
pub(crate) async fn answer_stopped(bus: Bus, mut questions: Subscriber, mut drain: DrainSignal) {
    loop {
        let question = tokio::select! { biased;
            _ = drain.wait_for(|drain| *drain) => return,
            question = questions.next() => question,
        };
        let Some(question) = question else { return };
        if let (Some(reply), true) = (question.reply, *question.payload == *subject::OWNER_QUESTION)
            && let Err(error) = bus.client().publish(reply, STOPPED.into()).await
        {
            tracing::warn!(%error, "cannot reply to a standby");
        }
    }
}

/// Reads the last sequence of a writer's subject from the leader of the stream.
pub(crate) async fn read_last(bus: Bus, stream: String, subject: String) -> Input<'static> {
    match bus.last_on(&stream, &subject).await {
        Ok(last) => Input::OwnLast(Some(last)),
        Err(error) => {
            tracing::warn!(subject, %error, "cannot read the last own sequence; retrying");
            tokio::time::sleep(READ_AGAIN_AFTER).await;
            Input::OwnLast(None)
        }
    }
}
