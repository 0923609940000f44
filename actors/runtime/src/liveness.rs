//! The requests by which a standby finds out whether its writer has an owner.

use std::time::Duration;

use async_nats::{Request, RequestErrorKind};
use tapedeck_kernel::driver::Input;
use tapedeck_kernel::liveness::{ANSWER_TIMEOUT, OwnerAnswer};
use tapedeck_schemas::subject;

use crate::bus::Bus;

/// Delay before the result of a failed read is reported, after which the driver repeats it.
const READ_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Asks the owner of a writer whether it is there.
pub(crate) async fn ask_owner(bus: Bus, subject: String, question: u64) -> Input<'static> {
    let request =
        Request::new().payload(subject::OWNER_QUESTION.into()).timeout(Some(Duration::from_nanos(ANSWER_TIMEOUT)));
    let answer = match bus.client().send_request(subject, request).await.map_err(|error| error.kind()) {
        Ok(_) => OwnerAnswer::Alive,
        Err(RequestErrorKind::NoResponders) => OwnerAnswer::NoResponders,
        Err(RequestErrorKind::TimedOut) => OwnerAnswer::TimedOut,
        Err(_) => OwnerAnswer::Unsent,
    };
    Input::OwnerAnswer { question, answer }
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
