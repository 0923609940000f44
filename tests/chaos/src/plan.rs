//! What is done to whom, and when: a pure function of a round's seed.

use crate::process::Signal;
use crate::random::Random;

/// What befalls a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nemesis {
    /// One group is killed.
    KillGroup,
    /// Several groups are killed at once.
    KillGroups,
    /// One group stands still for a while.
    PauseGroup,
    /// A second process takes over from one that stands still, which then goes on and must be fenced.
    Usurp,
    /// The same, and then the second is killed: the first must take over again by itself.
    TakeOver,
    /// A second process of a group runs beside the first.
    Duplicate,
    /// A group is asked to drain.
    Drain,
    /// nats-server is killed.
    KillNats,
    /// nats-server stands still.
    PauseNats,
    /// All processes of Postgres are killed.
    KillPostgres,
    /// All processes of Postgres stand still.
    PausePostgres,
    /// The publisher is killed, and its session resumed.
    KillPublisher,
    /// Foreign messages among the market data.
    HostileMarket,
    /// Foreign messages among the commands.
    HostileCommands,
    /// Bytes that are no records, on the tape.
    HostileTape,
    /// Records of the tape, again at another place or for another chain.
    ForgedRecords,
    /// Trading is halted, and resumed.
    Halt,
}

/// Every nemesis, its name, and how often it is drawn beside the others.
pub const NEMESES: [(Nemesis, &str, u64); 17] = [
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
];

impl Nemesis {
    /// Its name.
    pub fn name(self) -> &'static str {
        NEMESES.iter().find(|(one, ..)| *one == self).map_or("", |(_, name, _)| name)
    }

    fn draw(random: &mut Random, among: &[Nemesis]) -> Self {
        let weighted = NEMESES.iter().filter(|(one, ..)| among.is_empty() || among.contains(one));
        let all: Vec<Self> = weighted.flat_map(|(one, _, weight)| (0..*weight).map(|_| *one)).collect();
        *random.pick(&all)
    }
}

/// Which process of a group, where there are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The older one.
    First,
    /// The younger one; the only one if there is one.
    Last,
}

/// One thing to do. What is not there (any more) is passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A signal to a process of a group.
    Signal(&'static str, Which, Signal),
    /// The same signal to the groups, at once.
    SignalAll(Vec<&'static str>, Signal),
    /// One more process of a group.
    StartSecond(&'static str),
    /// A signal to nats-server.
    Nats(Signal),
    /// nats-server, on the same port and store.
    StartNats,
    /// A signal to all processes of Postgres.
    Postgres(Signal),
    /// Postgres, on the same port and data.
    StartPostgres,
    /// The publishers are killed, and start again.
    KillPublishers,
    /// Likewise, and before that somebody else publishes on a subject of theirs: they lose their place on it.
    DisplacePublishers,
    /// Foreign messages on `md.>`.
    HostileMarket(u64),
    /// Foreign messages on `cmd.>`.
    HostileCommands(u64),
    /// Foreign bytes on the subject of a writer.
    HostileTape(&'static str, u64),
    /// A record of the tape again, where it does not belong.
    Forge(&'static str, u64),
    /// `tapedeck halt`.
    Halt(u64),
    /// `tapedeck resume`.
    Resume,
}

/// A round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where all its chance comes from.
    pub seed: u64,
    /// What was drawn, with the moment (ms) and a few words.
    pub nemeses: Vec<(Nemesis, u64, String)>,
    /// What to do when, in order: ms from the round's start.
    pub steps: Vec<(u64, Step)>,
}

/// Latest moment at which a nemesis begins, ms.
const BEGIN_MS_MAX: u64 = 3_000;

impl Plan {
    /// Draws a round; `among` empty means of all nemeses.
    pub fn draw(seed: u64, among: &[Nemesis]) -> Self {
        let mut random = Random(seed);
        let count = [1, 1, 2, 2, 3][random.between(0, 4) as usize];
        let mut plan = Self { seed, nemeses: Vec::new(), steps: Vec::new() };
        for _ in 0..count {
            let nemesis = Nemesis::draw(&mut random, among);
            let at = random.between(200, BEGIN_MS_MAX);
            let words = plan.add(nemesis, at, &mut random);
            plan.nemeses.push((nemesis, at, words));
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
                step(0, Step::Signal(group, Which::Last, Signal::Kill));
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
                step(0, Step::Signal(group, Which::First, Signal::Stop));
                step(ms, Step::Signal(group, Which::First, Signal::Cont));
                format!("{group} for {ms} ms")
            }
            Nemesis::Usurp => {
                step(0, Step::Signal(owned, Which::First, Signal::Stop));
                step(100, Step::StartSecond(owned));
                let ms = random.between(1_000, 3_000);
                step(ms, Step::Signal(owned, Which::First, Signal::Cont));
                step(ms + random.between(500, 1_500), Step::Signal(owned, Which::First, Signal::Kill));
                format!("{owned} back after {ms} ms")
            }
            Nemesis::TakeOver => {
                step(0, Step::Signal(owned, Which::First, Signal::Stop));
                step(100, Step::StartSecond(owned));
                step(1_500, Step::Signal(owned, Which::First, Signal::Cont));
                step(3_000, Step::Signal(owned, Which::Last, Signal::Kill));
                owned.into()
            }
            Nemesis::Duplicate => {
                step(0, Step::StartSecond(group));
                let (ms, with) = (random.between(800, 3_000), *random.pick(&[Signal::Kill, Signal::Term]));
                step(ms, Step::Signal(group, Which::First, with));
                format!("{group}, the first ended after {ms} ms by {with:?}")
            }
            Nemesis::Drain => {
                step(0, Step::Signal(group, Which::Last, Signal::Term));
                group.into()
            }
            Nemesis::KillNats => {
                let ms = random.between(0, 2_500);
                step(0, Step::Nats(Signal::Kill));
                step(ms, Step::StartNats);
                format!("back after {ms} ms")
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
                format!("back after {ms} ms")
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
                let on = *random.pick(&["ingest", "control", "signal", "risk", "paper", "keeper", "nobody"]);
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
        }
    }
}

/// How long something stands still, ms: mostly shortly, sometimes longer than any timeout on the way.
fn pause(random: &mut Random) -> u64 {
    if random.one_in(6) { random.between(5_000, 20_000) } else { random.between(200, 4_000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_round_and_every_nemesis_is_drawn() {
        assert_eq!(Plan::draw(7, &[]), Plan::draw(7, &[]));
        let plans: Vec<Plan> = (0..400).map(|seed| Plan::draw(seed, &[])).collect();
        for (nemesis, name, _) in NEMESES {
            assert!(plans.iter().flat_map(|plan| &plan.nemeses).any(|(one, ..)| *one == nemesis), "{name}");
        }
        for plan in &plans {
            assert!(!plan.steps.is_empty() && plan.steps.is_sorted_by_key(|(at, _)| *at));
        }
    }

    #[test]
    fn only_what_is_asked_for_is_drawn() {
        let plan = Plan::draw(3, &[Nemesis::Halt]);
        assert!(plan.nemeses.iter().all(|(nemesis, ..)| *nemesis == Nemesis::Halt));
    }
}
