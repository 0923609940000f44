//! The plan of a round: its nemeses, their targets and times, as a pure function of a seed.

use crate::damage::Damage;
use crate::process::Signal;
use crate::random::Random;

/// A fault that is injected into a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nemesis {
    /// One group is killed.
    KillGroup,
    /// Several groups are killed at once.
    KillGroups,
    /// One group is stopped (SIGSTOP) for a while.
    PauseGroup,
    /// A second process takes over from a stopped one, which then continues and must be fenced.
    Usurp,
    /// As `Usurp`; then the second process is killed, and the first must take over by itself.
    TakeOver,
    /// A second process of a group is started.
    Duplicate,
    /// A group is drained (SIGTERM).
    Drain,
    /// nats-server is killed.
    KillNats,
    /// nats-server is stopped for a while.
    PauseNats,
    /// All processes of Postgres are killed.
    KillPostgres,
    /// All processes of Postgres are stopped for a while.
    PausePostgres,
    /// The publisher is killed, and its session is resumed.
    KillPublisher,
    /// Hostile messages in the market inbox.
    HostileMarket,
    /// Hostile messages in the command inbox.
    HostileCommands,
    /// Bytes on the tape that are not records.
    HostileTape,
    /// Copied or altered records on the tape.
    ForgedRecords,
    /// Trading is halted and resumed.
    Halt,
    /// A stream loses its last messages. Drawn only if named, and alone, as are all that follow.
    LostTail,
    /// A byte of a stream's files is inverted.
    FlippedByte,
    /// A stream is deleted and provisioned again.
    DeletedStream,
    /// The database is replaced by an older copy.
    OldDatabase,
}

/// Every nemesis with its name and its weight in the draw; 0 for those that need a recovery.
pub const NEMESES: [(Nemesis, &str, u64); 21] = [
    (Nemesis::KillGroup, "kill-group", 3),
    (Nemesis::KillGroups, "kill-groups", 3),
    (Nemesis::PauseGroup, "pause-group", 3),
    (Nemesis::Usurp, "usurp", 3),
    (Nemesis::TakeOver, "take-over", 1),
    (Nemesis::Duplicate, "duplicate", 3),
    (Nemesis::Drain, "drain", 3),
    (Nemesis::KillNats, "kill-nats", 3),
    (Nemesis::PauseNats, "pause-nats", 3),
    (Nemesis::KillPostgres, "kill-postgres", 3),
    (Nemesis::PausePostgres, "pause-postgres", 3),
    (Nemesis::KillPublisher, "kill-publisher", 3),
    (Nemesis::HostileMarket, "hostile-market", 3),
    (Nemesis::HostileCommands, "hostile-commands", 3),
    (Nemesis::HostileTape, "hostile-tape", 3),
    (Nemesis::ForgedRecords, "forged-records", 1),
    (Nemesis::Halt, "halt", 3),
    (Nemesis::LostTail, "lost-tail", 0),
    (Nemesis::FlippedByte, "flipped-byte", 0),
    (Nemesis::DeletedStream, "deleted-stream", 0),
    (Nemesis::OldDatabase, "old-database", 0),
];

impl Nemesis {
    /// Name, as in `--only`.
    pub fn name(self) -> &'static str {
        NEMESES.iter().find(|(one, ..)| *one == self).map_or("", |(_, name, _)| name)
    }

    fn draw(random: &mut Random, among: &[Nemesis]) -> Self {
        let weighted = NEMESES.iter().filter(|(one, ..)| among.is_empty() || among.contains(one));
        let all: Vec<Self> = weighted.flat_map(|(one, _, weight)| (0..*weight).map(|_| *one)).collect();
        *random.pick(&all)
    }
}

/// The target of a signal, if a group has two processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// The process that was started first.
    Oldest,
    /// The process that was started last.
    Newest,
}

/// One action. Targets that do not exist are ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A signal to a process of a group.
    Signal(&'static str, Pick, Signal),
    /// The same signal to all processes of the groups.
    SignalAll(Vec<&'static str>, Signal),
    /// Start a further process of a group.
    StartSecond(&'static str),
    /// A signal to nats-server.
    Nats(Signal),
    /// Start nats-server on the same port and store.
    StartNats,
    /// A signal to all processes of Postgres.
    Postgres(Signal),
    /// Start Postgres on the same port and data.
    StartPostgres,
    /// Kill the publishers, which are then restarted.
    KillPublishers,
    /// As `KillPublishers`; another client then publishes on one of their subjects, so that they cannot resume there.
    DisplacePublishers,
    /// Hostile messages on `md.>`, by this seed.
    HostileMarket(u64),
    /// Hostile messages on `cmd.>`, by this seed.
    HostileCommands(u64),
    /// Hostile bytes on the subject of a writer, by this seed.
    HostileTape(&'static str, u64),
    /// A forged record on the subject of a writer, by this seed.
    Forge(&'static str, u64),
    /// `tapedeck halt`.
    Halt(u64),
    /// `tapedeck resume`.
    Resume,
}

/// The plan of a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Seed of all random choices.
    pub seed: u64,
    /// The nemeses, each with its start (ms) and its target and duration.
    pub nemeses: Vec<(Nemesis, u64, String)>,
    /// The steps in order, each with its time in ms after the start of the round.
    pub steps: Vec<(u64, Step)>,
    /// The damage of a damaged round, which has no steps.
    pub damage: Option<Damage>,
}

/// Latest start of a nemesis, ms.
const BEGIN_MS_MAX: u64 = 3_000;

impl Plan {
    /// Draws the plan of round `number`; an empty `among` means all nemeses that need no recovery. Of those that do,
    /// the named ones take turns, with one round of the others, if any are named.
    pub fn draw(seed: u64, number: u64, among: &[Nemesis]) -> Self {
        let mut random = Random::new(seed);
        let (damages, among): (Vec<Nemesis>, Vec<Nemesis>) = among.iter().partition(|one| Damage::is_of(**one));
        let turns = damages.len() + usize::from(!among.is_empty() || damages.is_empty());
        if let Some(nemesis) = damages.get(number.saturating_sub(1) as usize % turns)
            && let Some(damage) = Damage::draw(*nemesis, &mut random)
        {
            let nemeses = vec![(*nemesis, damage.before_ms, damage.detail())];
            return Self { seed, nemeses, steps: Vec::new(), damage: Some(damage) };
        }
        Self::draw_steps(seed, random, &among)
    }

    fn draw_steps(seed: u64, mut random: Random, among: &[Nemesis]) -> Self {
        let count = [1, 1, 2, 2, 3][random.between(0, 4) as usize];
        let mut plan = Self { seed, nemeses: Vec::new(), steps: Vec::new(), damage: None };
        for _ in 0..count {
            let nemesis = Nemesis::draw(&mut random, among);
            let at = random.between(200, BEGIN_MS_MAX);
            let detail = plan.add(nemesis, at, &mut random);
            plan.nemeses.push((nemesis, at, detail));
        }
        plan.steps.sort_by_key(|(at, _)| *at);
        plan
    }

    fn add(&mut self, nemesis: Nemesis, at: u64, random: &mut Random) -> String {
        let groups: Vec<&'static str> = tapedeck_groups::names().collect();
        let group = *random.pick(&groups);
        // A projector has no owner, so no process takes over from it.
        let machines: Vec<&'static str> = tapedeck_groups::writers().map(|writer| writer.as_str()).collect();
        let owned = *random.pick(&machines);
        let mut step = |after: u64, step: Step| self.steps.push((at + after, step));
        match nemesis {
            Nemesis::KillGroup => {
                step(0, Step::Signal(group, Pick::Newest, Signal::Kill));
                group.into()
            }
            Nemesis::KillGroups => {
                let count = random.between(2, groups.len() as u64);
                let mut all = groups;
                while all.len() as u64 > count {
                    all.remove(random.between(0, all.len() as u64 - 1) as usize);
                }
                step(0, Step::SignalAll(all.clone(), Signal::Kill));
                all.join("+")
            }
            Nemesis::PauseGroup => {
                let ms = pause(random);
                step(0, Step::Signal(group, Pick::Oldest, Signal::Stop));
                step(ms, Step::Signal(group, Pick::Oldest, Signal::Cont));
                format!("{group} for {ms} ms")
            }
            Nemesis::Usurp => {
                step(0, Step::Signal(owned, Pick::Oldest, Signal::Stop));
                step(100, Step::StartSecond(owned));
                let ms = random.between(1_000, 3_000);
                step(ms, Step::Signal(owned, Pick::Oldest, Signal::Cont));
                step(ms + random.between(500, 1_500), Step::Signal(owned, Pick::Oldest, Signal::Kill));
                format!("{owned}, continued after {ms} ms")
            }
            Nemesis::TakeOver => {
                step(0, Step::Signal(owned, Pick::Oldest, Signal::Stop));
                step(100, Step::StartSecond(owned));
                step(1_500, Step::Signal(owned, Pick::Oldest, Signal::Cont));
                step(3_000, Step::Signal(owned, Pick::Newest, Signal::Kill));
                owned.into()
            }
            Nemesis::Duplicate => {
                step(0, Step::StartSecond(group));
                let ms = random.between(800, 3_000);
                let signal = *random.pick(&[Signal::Kill, Signal::Term]);
                step(ms, Step::Signal(group, Pick::Oldest, signal));
                format!("{group}, the first ended after {ms} ms by {signal:?}")
            }
            Nemesis::Drain => {
                step(0, Step::Signal(group, Pick::Newest, Signal::Term));
                group.into()
            }
            Nemesis::KillNats => {
                let ms = random.between(0, 2_500);
                step(0, Step::Nats(Signal::Kill));
                step(ms, Step::StartNats);
                format!("restarted after {ms} ms")
            }
            Nemesis::PauseNats => {
                let ms = pause(random);
                step(0, Step::Nats(Signal::Stop));
                step(ms, Step::Nats(Signal::Cont));
                format!("for {ms} ms")
            }
            Nemesis::KillPostgres => {
                let ms = random.between(0, 2_500);
                step(0, Step::Postgres(Signal::Kill));
                step(ms, Step::StartPostgres);
                format!("restarted after {ms} ms")
            }
            Nemesis::PausePostgres => {
                let ms = pause(random);
                step(0, Step::Postgres(Signal::Stop));
                step(ms, Step::Postgres(Signal::Cont));
                format!("for {ms} ms")
            }
            Nemesis::KillPublisher => {
                let times = random.between(1, 3);
                (1..times).for_each(|time| step(time * 700, Step::KillPublishers));
                let displaced = at.is_multiple_of(8);
                step(0, if displaced { Step::DisplacePublishers } else { Step::KillPublishers });
                format!("{times} times{}", if displaced { ", displaced" } else { "" })
            }
            Nemesis::HostileMarket => {
                step(0, Step::HostileMarket(random.number()));
                String::new()
            }
            Nemesis::HostileCommands => {
                step(0, Step::HostileCommands(random.number()));
                String::new()
            }
            Nemesis::HostileTape => {
                // Lists groups because: two of the subjects are of no machine.
                let on = *random.pick(&["ingest", "control", "signal", "risk", "paper", "keeper", "unknown"]);
                step(0, Step::HostileTape(on, random.number()));
                format!("on {on}")
            }
            Nemesis::ForgedRecords => {
                step(0, Step::Forge(owned, random.number()));
                format!("on {owned}")
            }
            Nemesis::Halt => {
                let ms = random.between(200, 2_000);
                step(0, Step::Halt(random.number()));
                step(ms, Step::Resume);
                format!("for {ms} ms")
            }
            // Drawn by `Damage`.
            Nemesis::LostTail | Nemesis::FlippedByte | Nemesis::DeletedStream | Nemesis::OldDatabase => String::new(),
        }
    }
}

/// Duration of a pause, ms: usually short, sometimes longer than every timeout involved.
fn pause(random: &mut Random) -> u64 {
    if random.one_in(6) { random.between(5_000, 20_000) } else { random.between(200, 4_000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_determines_the_plan_and_every_nemesis_is_drawn() {
        assert_eq!(Plan::draw(7, 1, &[]), Plan::draw(7, 1, &[]));
        let plans: Vec<Plan> = (0..400).map(|seed| Plan::draw(seed, 1, &[])).collect();
        for (nemesis, name, weight) in NEMESES {
            let is_drawn = plans.iter().flat_map(|plan| &plan.nemeses).any(|(one, ..)| *one == nemesis);
            assert_eq!(is_drawn, weight > 0, "{name}");
        }
        for plan in &plans {
            assert!(!plan.steps.is_empty() && plan.steps.is_sorted_by_key(|(at, _)| *at));
        }
    }

    #[test]
    fn only_the_given_nemeses_are_drawn() {
        let plan = Plan::draw(3, 1, &[Nemesis::Halt]);
        assert!(plan.nemeses.iter().all(|(nemesis, ..)| *nemesis == Nemesis::Halt));
    }

    #[test]
    fn the_named_damages_take_turns_in_rounds_of_their_own() {
        let named = |among: &[Nemesis]| -> Vec<Nemesis> {
            (1..=6).map(|number| Plan::draw(number, number, among).nemeses[0].0).collect()
        };
        use Nemesis::{FlippedByte, Halt, LostTail};
        let (two, mixed) = (named(&[LostTail, FlippedByte]), named(&[Halt, LostTail]));
        assert_eq!(two, [LostTail, FlippedByte, LostTail, FlippedByte, LostTail, FlippedByte]);
        assert_eq!(mixed, [LostTail, Halt, LostTail, Halt, LostTail, Halt]);
        assert_eq!(named(&[LostTail]), [LostTail; 6]);
        assert!(Plan::draw(1, 1, &[LostTail]).damage.is_some_and(|damage| damage.nemesis == LostTail));
    }
}
