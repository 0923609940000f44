//! Killed servers: the messages and ids that are kept, and the answers until there is a leader again.

use std::cell::Cell;
use std::path::Path;

use tapedeck_servers::NatsServer;
use tapedeck_sim::broker::Arrived;
use tapedeck_sim::message::{Publish, Reply};

use crate::cluster::Cluster;
use crate::real::{NEVER, PAUSE, Real, SHORT_ANSWER_MAX, together};
use crate::script::{Both, Step, With as _, config, held, publish};

/// Requests that are sent before the leader is killed. A quarter is answered by then.
const IN_FLIGHT: u64 = 400;
/// Attempts, a pause apart, to find a leader again.
const ATTEMPTS_MAX: u32 = 300;

fn before(name: &str) -> Vec<Step> {
    let a = || publish(&format!("{name}.a"), "a");
    vec![
        a().id("m1").after(0).step(),
        a().id("m2").after(1).step(),
        publish(&format!("{name}.b"), "b").id("m3").step(),
        Step::Purge(2),
        a().id("m1").step(),
    ]
}

/// Requests whose answers differ if a message or an id was lost.
fn after(name: &str) -> Vec<Step> {
    let a = || publish(&format!("{name}.a"), "a");
    vec![
        Step::Bounds,
        Step::Last(format!("{name}.a")),
        a().after(0).step(),
        a().at_end(0).step(),
        a().id("m2").step(),
        a().id("m3").step(),
        a().id("m1").step(),
        a().id("m1").step(),
        Step::Bounds,
    ]
}

/// The only server is killed and started again on its data.
pub(crate) async fn of_the_only_server(real: &Real, server: NatsServer, dir: &Path) -> Result<(), String> {
    let mut both = Both::start(real, vec![config("KILLED")]).await;
    both.steps(real, before("KILLED")).await?;
    let port = server.url().rsplit(':').next().unwrap().parse().unwrap();
    server.kill().unwrap();
    let _server = NatsServer::start(dir, port).unwrap();
    let now = both.now();
    both.broker.lose_leader(now, "KILLED", 0);
    both.broker.elect("KILLED");
    await_leader(real, "KILLED").await;
    both.steps(real, after("KILLED")).await?;
    held(real, "KILLED", &both.broker).await
}

/// The leader is killed while requests are in flight. The next leader has a prefix of them; until then there is no
/// answer.
pub(crate) async fn of_the_leader(real: &Real, cluster: &mut Cluster) -> Result<(), String> {
    let mut both = Both::start(real, vec![config("LOST")]).await;
    both.steps(real, before("LOST")).await?;
    let leader = real.leader("LOST").await.unwrap();
    let is_leader = |client: &async_nats::Client| client.server_info().server_name == leader;
    let number = real.clients.iter().position(is_leader).unwrap();
    let survivors = &real.without(number);

    let burst: Vec<Publish> = (0u64..IN_FLIGHT).map(|i| publish("LOST.c", i.to_be_bytes())).collect();
    let first = both.broker.last_seq("LOST") + 1;
    let answered = Cell::new(0);
    let request = async |publish| {
        let answer = survivors.try_publish(0, publish, SHORT_ANSWER_MAX).await;
        answered.set(answered.get() + 1);
        answer
    };
    let killed = async {
        while answered.get() < IN_FLIGHT / 4 {
            tokio::task::yield_now().await;
        }
        cluster.kill(number);
    };
    let (answers, ()) = tokio::join!(together(burst.iter().map(request)), killed);
    let (unanswered, unreadable) = await_leader(survivors, "LOST").await;
    if unanswered == 0 || unreadable == 0 {
        return Err("LOST: the time without a leader was not observed\n".into());
    }

    let now = both.now();
    let mut proposed = 0;
    for publish in burst {
        proposed += usize::from(matches!(both.broker.publish(now, publish), Arrived::Proposed(_)));
    }
    assert_eq!(proposed, answers.len());
    let acknowledged = answers.iter().take_while(|answer| matches!(answer, Some(Reply::Ack { .. }))).count();
    for answer in answers.iter().take(acknowledged) {
        let (_, reply) = both.broker.agree(now, "LOST").unwrap();
        assert_eq!(answer.as_ref(), Some(&reply));
    }
    let stored = survivors.last_sequence("LOST").await + 1 - first;
    if answers.iter().skip(acknowledged).any(|answer| matches!(answer, Some(Reply::Ack { .. }))) {
        return Err(format!("LOST: acknowledged with a gap: {answers:?}\n"));
    }
    let kept = usize::try_from(stored).unwrap().checked_sub(acknowledged);
    let Some(kept) = kept else {
        return Err(format!("LOST: {acknowledged} acknowledged, {stored} stored\n"));
    };
    both.broker.lose_leader(now, "LOST", kept);
    assert_eq!(both.broker.publish(now, publish("LOST.a", "")), Arrived::Answered(Reply::NoResponders));
    both.broker.elect("LOST");
    println!("LOST: of {proposed} in flight {acknowledged} were acknowledged and {kept} more kept");
    both.steps(survivors, after("LOST")).await?;
    held(survivors, "LOST", &both.broker).await
}

/// Publishes with an expectation that is always wrong until a leader rejects it; returns how often there was no answer,
/// and how often a leader's read then had none either.
async fn await_leader(real: &Real, name: &str) -> (u32, u32) {
    let subject = format!("{name}.a");
    let probe = publish(&subject, "").after(NEVER);
    let (mut unanswered, mut unreadable) = (0, 0);
    for _ in 0..ATTEMPTS_MAX {
        match real.try_publish(0, &probe, SHORT_ANSWER_MAX).await {
            Some(Reply::Error { err_code: 10071, .. }) => return (unanswered, unreadable),
            Some(Reply::NoResponders) => {
                unanswered += 1;
                unreadable += u32::from(!real.finds(name, &subject).await);
            }
            _ => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("{name} has no leader");
}
