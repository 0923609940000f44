//! Begins a generation of a tape: seals the stream before it, and copies the records that can be trusted.

use async_nats::HeaderMap;
use bytes::Bytes;
use tapedeck_kernel::Answer;
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::generation::{Generation, StreamFamily};
use tapedeck_schemas::record::Writer;
use tapedeck_schemas::subject;
use tokio_postgres::Client;

use crate::bus::{Bus, BusError};
use crate::database::DatabaseError;
use crate::retry::back_off;
use crate::tail::{StoredMessage, Tail};

/// Key of the advisory lock of recoveries: the bytes of "recovery".
const RECOVERY_LOCK: i64 = i64::from_be_bytes(*b"recovery");
/// Most repetitions of an append whose outcome is unknown.
const APPENDS_MAX: u32 = 10;

/// The number of the next generation of the tape of a partition: one more than the greatest that a stream has, whether
/// or not that one is complete.
pub async fn next(bus: &Bus, partition: u16, at_least: Generation) -> Result<Generation, BusError> {
    let mut number = at_least;
    loop {
        let next = number.get().checked_add(1).and_then(Generation::new);
        number = next.ok_or_else(|| BusError::request("numbering a generation", "no number is left"))?;
        if bus.find_stream(&StreamFamily::Tape.stream(partition, number)).await?.is_none() {
            return Ok(number);
        }
    }
}

/// Makes a stream read-only for good, so that no process of an older configuration appends to it.
pub async fn seal(bus: &Bus, stream: &str) -> Result<(), BusError> {
    let mut config = bus.stream(stream).await?.cached_info().config.clone();
    if config.sealed {
        return Ok(());
    }
    config.sealed = true;
    let updated = bus.context().update_stream(&config).await;
    updated.map(drop).map_err(|error| BusError::request(format!("sealing {stream}"), error))
}

/// Creates the stream of a generation with the settings of the one before, and writes its first record and the copies.
/// Calls `progress` with the sequence of each message written.
pub async fn begin(
    bus: &Bus,
    from: &str,
    created: &TapeCreated,
    mut progress: impl FnMut(u64),
) -> Result<String, BusError> {
    let &TapeCreated { partition, generation, .. } = created;
    let stream = StreamFamily::Tape.stream(partition, generation);
    let failed = |why: String| BusError::request(format!("beginning {stream}"), why);
    let mut config = bus.stream(from).await?.cached_info().config.clone();
    config.name.clone_from(&stream);
    config.subjects = vec![subject::tape_subject_of(partition, generation, "*")];
    config.sealed = false;
    // A sealed stream has these, whatever its declaration says.
    (config.deny_delete, config.deny_purge) = (true, false);
    bus.context().create_stream(config).await.map_err(|error| failed(error.to_string()))?;

    let keeper = subject::tape_subject(partition, generation, Writer::Keeper);
    append(bus, &stream, &keeper, 1, created.first_record().into()).await?;
    progress(1);
    let last = created.copied.last().map_or(1, |copied| copied.last);
    let mut tail = Tail::new(bus, from.into(), String::new(), 2);
    for seq in 2..=last {
        let stored = tail.next_until(last).await?.filter(|stored| stored.seq == seq);
        let Some(StoredMessage { subject: old, payload, .. }) = stored else {
            return Err(failed(format!("{from} does not hold record {seq} any more")));
        };
        let name = old.rsplit('.').next().unwrap_or_default();
        let subject = subject::tape_subject_of(partition, generation, name);
        append(bus, &stream, &subject, seq, payload).await?;
        progress(seq);
    }
    Ok(stream)
}

/// Appends a message that must become the message `seq` of the stream. The sequence makes it safe to repeat an append
/// whose outcome is unknown.
async fn append(bus: &Bus, stream: &str, subject: &str, seq: u64, payload: Bytes) -> Result<(), BusError> {
    let mut failures = 0;
    loop {
        let answer = bus.append_to_stream(subject, seq - 1, HeaderMap::new(), payload.clone()).await;
        match answer {
            Answer::Committed(stored) if stored == seq => return Ok(()),
            Answer::WrongLast(_) if bus.message(stream, seq).await?.is_some_and(|found| found.payload == payload) => {
                return Ok(());
            }
            Answer::Unknown if failures < APPENDS_MAX => failures += 1,
            other => return Err(BusError::request(format!("copying record {seq} to {stream}"), format!("{other:?}"))),
        }
        tokio::time::sleep(back_off(failures)).await;
    }
}

/// Takes the lock of recoveries on the database, until the connection ends; `false` if another connection has it.
pub async fn lock(client: &Client) -> Result<bool, DatabaseError> {
    let taken = client.query_one("SELECT pg_try_advisory_lock($1)", &[&RECOVERY_LOCK]).await?;
    Ok(taken.get(0))
}

/// Deletes the rows of a partition, and sets the progress of its projections to the beginning of a generation, in one
/// transaction; the number of rows deleted.
pub async fn clear_rows(client: &mut Client, created: &TapeCreated) -> Result<u64, DatabaseError> {
    let transaction = client.transaction().await?;
    // As the projector does: progress first. A projector that is about to commit then finds that it was overtaken.
    let set = "UPDATE tapedeck.projection_progress SET tape_id = $1, generation = $2, seq = 0, last_hash = '', \
               chains = '{}' WHERE partition = $3";
    let (tape, generation) = (created.tape.to_string(), i64::from(created.generation.get()));
    transaction.execute(set, &[&tape, &generation, &i32::from(created.partition)]).await?;
    let mut deleted = 0;
    for projection in tapedeck_projections::all() {
        let delete = format!("DELETE FROM tapedeck.{} WHERE partition = $1", projection.table().name);
        deleted += transaction.execute(&delete, &[&i64::from(created.partition)]).await?;
    }
    transaction.commit().await?;
    Ok(deleted)
}
