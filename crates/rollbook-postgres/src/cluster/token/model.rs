//! An exhaustive search of what can happen to a refresh token between two workers, a database and a vendor that revokes everything
//! when a token comes again: workers that stop between any two steps, late and lost answers, leases that end, processes that are
//! killed, a person who resumes or signs in.
//!
//! A token is sent once, unless a person says otherwise; and the newest one is never lost, unless a worker was killed or an answer
//! lost between the vendor and the database.

use std::time::Duration;

use super::{IntentStep, OpenIntent, REQUEST, RequestEnd, TokenRow, TokenStep, time_to_send};
use crate::cluster::lease::LEASE;
use crate::cluster::search::{System, search};

/// A rule that can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum TokenRule {
    /// Rule 14: who has no lease any more stores what it received.
    StoreWithoutLease,
    /// Rule 14: storing compares the generation; else the newest store wins.
    ComparedGeneration,
    /// Rule 15: an open intent is respected.
    RespectIntent,
    /// Rule 15: also when its owner's lease has ended.
    RespectEnded,
    /// Rule 16: lease and deadline are checked before sending.
    CheckBeforeSending,
    /// Beyond the protocol: an intent that took the place of another is not closed without an answer.
    ResumedStaysOpen,
    /// Rule 17: an unknown end is no reason to try again.
    NoSecondTry,
}

const WORKERS: [usize; 2] = [0, 1];

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Tokens {
    off: Option<TokenRule>,
    /// Who has the lease by the database's clock.
    holder: Option<usize>,
    generation: u8,
    intent: Option<Intent>,
    workers: [Phase; 2],
    requests: Vec<Request>,
    answers: Vec<Request>,
    /// The newest token that the vendor has issued.
    issued: u8,
    /// A person has signed in: tokens of before are of another grant.
    is_signed_in: bool,
    /// The newest token that the database has was sent.
    has_sent: bool,
    intents: u8,
    kills: u8,
    resumes: u8,
    leases: u8,
    is_excused: bool,
    is_repeated: bool,
    is_overwritten: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Intent {
    owner: usize,
    /// Tells apart those of one owner.
    number: u8,
    /// It took the place of another.
    is_resumed: bool,
    age: Age,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Age {
    Open,
    /// Its deadline has passed.
    Passed,
    /// The grace too.
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Idle,
    /// It has stored an intent.
    Intends(Request),
    Waits,
    /// It has the token after this one.
    Has(u8),
    /// It knows how its request ended.
    Ends(RequestEnd),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Request {
    worker: usize,
    generation: u8,
    intent: u8,
    is_resumed: bool,
    is_signed_in: bool,
}

impl Tokens {
    fn first(off: Option<TokenRule>) -> Self {
        Self {
            off,
            holder: None,
            generation: 0,
            intent: None,
            workers: [Phase::Idle; 2],
            requests: Vec::new(),
            answers: Vec::new(),
            issued: 0,
            is_signed_in: false,
            has_sent: false,
            intents: 0,
            kills: 0,
            resumes: 0,
            leases: 0,
            is_excused: false,
            is_repeated: false,
            is_overwritten: false,
        }
    }

    fn has(&self, rule: TokenRule) -> bool {
        self.off != Some(rule)
    }

    fn lease_left(&self, worker: usize) -> Duration {
        match self.holder == Some(worker) {
            true => LEASE,
            false => Duration::ZERO,
        }
    }

    /// The row as the real code sees it.
    fn row(&self) -> TokenRow {
        let counts = |intent: &Intent| {
            let is_alive = self.holder == Some(intent.owner);
            self.has(TokenRule::RespectIntent) && (is_alive || self.has(TokenRule::RespectEnded))
        };
        TokenRow {
            generation: self.generation.into(),
            intent: self.intent.filter(counts).map(|intent| OpenIntent {
                claim: intent.number.to_string(),
                left: match intent.age {
                    Age::Over => Duration::ZERO,
                    _ => Duration::from_secs(1),
                },
            }),
            access_left: Duration::ZERO,
        }
    }

    /// It wants a token, and announces a request if it may.
    fn begin(&mut self, worker: usize, is_resumed: bool) -> bool {
        let step = self.row().next_step(self.lease_left(worker), is_resumed);
        if step != TokenStep::Refresh {
            return false;
        }
        self.intents += 1;
        let number = self.intents;
        self.intent = Some(Intent {
            owner: worker,
            number,
            is_resumed,
            age: Age::Open,
        });
        self.workers[worker] = Phase::Intends(Request {
            worker,
            generation: self.generation,
            intent: number,
            is_resumed,
            is_signed_in: self.is_signed_in,
        });
        true
    }

    /// The connection is open.
    fn send(&mut self, request: Request) {
        // The worker counts by its own clock, also where a sign-in has removed the intent.
        let is_former = request.is_signed_in != self.is_signed_in;
        let is_own = |intent: &Intent| intent.number == request.intent;
        let age = self.intent.filter(is_own).map(|intent| intent.age);
        let is_open = is_former || age == Some(Age::Open);
        let intent_left = if is_open { REQUEST } else { Duration::ZERO };
        let time = time_to_send(self.lease_left(request.worker), intent_left);
        if time.is_none() && self.has(TokenRule::CheckBeforeSending) {
            self.workers[request.worker] = Phase::Ends(RequestEnd::NotSent);
            return;
        }
        self.workers[request.worker] = Phase::Waits;
        if request.is_signed_in == self.is_signed_in {
            let is_used = request.generation < self.generation || self.has_sent;
            // What a person wants tried again may have been used: it says so.
            self.is_repeated |= is_used && !request.is_resumed;
            self.has_sent |= request.generation == self.generation;
        }
        self.requests.push(request);
    }

    /// A request reaches the vendor.
    fn receive(&mut self, request: Request) {
        let is_of_newest_grant = request.is_signed_in == self.is_signed_in;
        if !is_of_newest_grant || request.generation == self.issued {
            self.issued += u8::from(is_of_newest_grant);
            self.answers.push(request);
            return;
        }
        self.workers[request.worker] = Phase::Ends(RequestEnd::Unknown);
    }

    fn store(&mut self, worker: usize, generation: u8) {
        if !self.has(TokenRule::StoreWithoutLease) && self.holder != Some(worker) {
            self.workers[worker] = Phase::Idle;
            return;
        }
        if generation == self.generation || !self.has(TokenRule::ComparedGeneration) {
            self.is_overwritten |= generation != self.generation;
            (self.generation, self.intent, self.has_sent) = (generation + 1, None, false);
        }
        self.workers[worker] = Phase::Idle;
    }

    fn end(&mut self, worker: usize, end: RequestEnd) {
        let tries_again = end == RequestEnd::Unknown && !self.has(TokenRule::NoSecondTry);
        let is_own = |intent: &Intent| intent.owner == worker;
        if let Some(intent) = self.intent.filter(is_own) {
            let is_resumed = intent.is_resumed && self.has(TokenRule::ResumedStaysOpen);
            match IntentStep::after(end, is_resumed) {
                _ if tries_again => self.intent = None,
                IntentStep::Close => self.intent = None,
                IntentStep::Expire => {
                    let age = Age::Over;
                    self.intent = Some(Intent { age, ..intent });
                }
                IntentStep::Store | IntentStep::Leave => {}
            }
        }
        self.workers[worker] = Phase::Idle;
    }

    fn steps(&self, worker: usize, all: &mut Vec<Self>) {
        let mut add = |change: &dyn Fn(&mut Self)| {
            let mut next = self.clone();
            change(&mut next);
            all.push(next);
        };
        match self.workers[worker] {
            Phase::Idle => {
                for is_resumed in [false, true] {
                    let mut next = self.clone();
                    let is_open = self.intent.is_some();
                    let may = !is_resumed || (self.resumes < 1 && is_open);
                    if may && self.intents < 3 && next.begin(worker, is_resumed) {
                        next.resumes += u8::from(is_resumed);
                        add(&|into| into.clone_from(&next));
                    }
                }
            }
            Phase::Intends(request) => add(&|next| next.send(request)),
            Phase::Waits => {}
            Phase::Has(generation) => add(&|next| next.store(worker, generation)),
            Phase::Ends(end) => add(&|next| next.end(worker, end)),
        }
        if self.workers[worker] != Phase::Idle && self.kills < 1 {
            add(&|next| {
                next.kills += 1;
                let is_sent = !matches!(next.workers[worker], Phase::Intends(_));
                next.is_excused |= is_sent;
                next.workers[worker] = Phase::Idle;
            });
        }
    }
}

impl System for Tokens {
    fn successors(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for worker in WORKERS {
            self.steps(worker, &mut all);
        }
        let mut add = |change: &dyn Fn(&mut Self)| {
            let mut next = self.clone();
            change(&mut next);
            all.push(next);
        };
        for number in 0..self.requests.len() {
            add(&|next| {
                let request = next.requests.remove(number);
                next.receive(request);
            });
        }
        for number in 0..self.answers.len() {
            let waits = |next: &Self, worker: usize| next.workers[worker] == Phase::Waits;
            add(&|next| {
                let answer = next.answers.remove(number);
                if waits(next, answer.worker) {
                    next.workers[answer.worker] = Phase::Has(answer.generation);
                }
            });
            add(&|next| {
                let answer = next.answers.remove(number);
                next.is_excused = true;
                if waits(next, answer.worker) {
                    next.workers[answer.worker] = Phase::Ends(RequestEnd::Unknown);
                }
            });
        }
        if !self.is_signed_in {
            add(&|next| {
                next.is_signed_in = true;
                next.issued += 1;
                (next.generation, next.intent, next.has_sent) = (next.issued, None, false);
            });
        }
        match self.holder {
            Some(_) => add(&|next| next.holder = None),
            None if self.leases < 3 => {
                for worker in WORKERS {
                    add(&|next| {
                        next.holder = Some(worker);
                        next.leases += 1;
                    });
                }
            }
            None => {}
        }
        if let Some(intent) = self.intent {
            // A request has ended by the deadline, and its answer is received within the grace.
            let is_on_its_way = !self.requests.is_empty() || !self.answers.is_empty();
            let next_age = match intent.age {
                Age::Open => Some(Age::Passed),
                Age::Passed if !is_on_its_way => Some(Age::Over),
                _ => None,
            };
            if let Some(age) = next_age {
                add(&|next| next.intent = Some(Intent { age, ..intent }));
            }
        }
        all
    }

    fn fault(&self) -> Option<String> {
        if self.is_repeated {
            return Some("a token was sent again".to_owned());
        }
        if self.is_overwritten {
            return Some("an older token took the place of a newer one".to_owned());
        }
        let is_at_hand = |phase: &Phase| match phase {
            Phase::Waits => !self.requests.is_empty() || !self.answers.is_empty(),
            Phase::Has(generation) => generation + 1 == self.issued,
            _ => false,
        };
        let is_lost = self.issued != self.generation
            && self.answers.is_empty()
            && !self.workers.iter().any(is_at_hand)
            && !self.is_excused;
        is_lost.then(|| "the newest token is nowhere".to_owned())
    }
}

#[test]
fn no_token_is_sent_twice_or_lost() {
    let found = search(Tokens::first(None));
    assert_eq!(found.steps, None, "{}", found.history);
    println!("{} states", found.states);
    assert!(found.states > 50_000, "only {}", found.states);
}

#[test]
fn each_rule_about_tokens_is_needed() {
    // The protocol counts in another way: 6, none, 7, 8, none, none, none.
    for (rule, steps) in [
        (TokenRule::StoreWithoutLease, 7),
        (TokenRule::ComparedGeneration, 7),
        (TokenRule::RespectIntent, 6),
        (TokenRule::RespectEnded, 7),
        (TokenRule::CheckBeforeSending, 9),
        (TokenRule::ResumedStaysOpen, 14),
        (TokenRule::NoSecondTry, 8),
    ] {
        let found = search(Tokens::first(Some(rule)));
        println!("without {rule:?}: {:?} steps", found.steps);
        assert_eq!(found.steps, Some(steps), "{rule:?}: {}", found.history);
    }
}
