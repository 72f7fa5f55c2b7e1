//! The litmus tests and the verdict of C++20 on each of their outcomes.

/// One litmus test; `program.rs` has the notation.
pub struct Litmus {
    pub name: &'static str,
    pub program: &'static str,
    pub allowed: &'static str,
    /// Outcomes, each group with its rule.
    pub forbidden: Vec<(&'static str, &'static str)>,
    /// What is allowed and the checker does not reach.
    pub unreached: &'static str,
    /// What is forbidden and the checker reaches.
    pub false_alarms: &'static str,
}

impl Litmus {
    fn new(name: &'static str, program: &'static str, allowed: &'static str) -> Self {
        Self { name, program, allowed, forbidden: Vec::new(), unreached: "", false_alarms: "" }
    }

    fn forbidden(mut self, outcomes: &'static str, rule: &'static str) -> Self {
        self.forbidden.push((outcomes, rule));
        self
    }

    fn unreached(mut self, outcomes: &'static str) -> Self {
        self.unreached = outcomes;
        self
    }
}

pub fn coherence() -> [Litmus; 6] {
    [
        Litmus::new("CoRR", "x=1.rlx || x.rlx; x.rlx", "00 01 11").forbidden("10", "read-read coherence"),
        Litmus::new("CoRR, two writers", "x=1.rlx || x=2.rlx || x.rlx; x.rlx", "00 01 02 11 12 21 22")
            .forbidden("10 20", "read-read coherence"),
        Litmus::new("CoWW", "x=1.rlx; x=2.rlx || x.rlx >> x", "02 12 22").forbidden("01 11 21", "write-write coherence"),
        Litmus::new("CoWW over threads", "x=1.rlx; y=1.rel || y.acq==1; x=2.rlx >> x", "01 12")
            .forbidden("11", "write-write coherence: x=1 happens before x=2"),
        Litmus::new("CoRW", "x.rlx; x=1.rlx || x=2.rlx >> x", "01 02 21")
            .forbidden("11 12 22", "read-write coherence: the store follows what was read"),
        Litmus::new("CoWR", "x=1.rlx; x.rlx || x=2.rlx >> x", "11 12 22")
            .forbidden("01 02 21", "write-read coherence: nothing older than the own store"),
    ]
}

pub fn message_passing() -> [Litmus; 18] {
    const ALL: &str = "00 01 10 11";
    const RULE: &str = "the store of y synchronizes with its load, so x=1 happens before the load of x";
    let ordered = |name, program| Litmus::new(name, program, "00 01 11").forbidden("10", RULE);
    let unordered = |name, program| Litmus::new(name, program, ALL);
    [
        ordered("MP", "x=1.rlx; y=1.rel || y.acq; x.rlx"),
        ordered("MP, SeqCst", "x=1.sc; y=1.sc || y.sc; x.sc"),
        unordered("MP, relaxed", "x=1.rlx; y=1.rlx || y.rlx; x.rlx"),
        unordered("MP, release only", "x=1.rlx; y=1.rel || y.rlx; x.rlx"),
        unordered("MP, acquire only", "x=1.rlx; y=1.rlx || y.acq; x.rlx"),
        unordered("MP, SeqCst store, relaxed load", "x=1.rlx; y=1.sc || y.rlx; x.rlx"),
        unordered("MP, relaxed store, SeqCst loads", "x=1.rlx; y=1.rlx || y.sc; x.sc"),
        unordered("MP, SeqCst but for the store of y", "x=1.sc; y=1.rlx || y.sc; x.sc"),
        Litmus::new("MP, relaxed stores, looked at again", "x=1.rlx; y=1.rlx || y.sc; x.sc; x.sc", "000 001 011 100 101 111")
            .forbidden("010 110", "read-read coherence"),
        ordered("MP, fence to fence", "x=1.rlx; F.rel; y=1.rlx || y.rlx; F.acq; x.rlx"),
        ordered("MP, fence to load", "x=1.rlx; F.rel; y=1.rlx || y.acq; x.rlx"),
        ordered("MP, store to fence", "x=1.rlx; y=1.rel || y.rlx; F.acq; x.rlx"),
        unordered("MP, release fence too late", "x=1.rlx; y=1.rlx; F.rel || y.acq; x.rlx"),
        unordered("MP, acquire fence too early", "x=1.rlx; y=1.rel || F.acq; y.rlx; x.rlx"),
        Litmus::new("MP, published by CAS", "x=1.rlx; y?0:1.rel.rlx || y.acq; x.rlx", "000 001 011").forbidden("010", RULE),
        ordered("MP, claimed by CAS", "x=1.rlx; y=1.rel || y?1:2.acq.rlx; x.rlx"),
        ordered("MP, seen by a failing CAS, acquire", "x=1.rlx; y=1.rel || y?5:6.rlx.acq; x.rlx"),
        unordered("MP, seen by a failing CAS, relaxed", "x=1.rlx; y=1.rel || y?5:6.acq.rlx; x.rlx"),
    ]
}

pub fn release_sequences() -> [Litmus; 8] {
    const CONTINUED: &str = "000 001 011 020 021 100 101 111 121";
    const BROKEN: &str = "00 01 11 20 21";
    [
        Litmus::new("continued by a swap", "x=1.rlx; y=1.rel || y~2.rlx || y.acq; x.rlx", CONTINUED)
            .forbidden("010 110 120", "a read-modify-write continues the release sequence"),
        Litmus::new("headed by a fence", "x=1.rlx; F.rel; y=1.rlx || y~2.rlx || y.acq; x.rlx", CONTINUED)
            .forbidden("010 110 120", "the fence counts as a release of the store after it"),
        Litmus::new("continued by a CAS", "x=1.rlx; y=1.rel || y?1:2.rlx.rlx || y.acq; x.rlx", "000 001 011 100 101 111 121")
            .forbidden("010 110 120", "a read-modify-write continues the release sequence"),
        Litmus::new(
            "not headed",
            "x=1.rlx; y=1.rlx || y~2.rlx || y.acq; x.rlx",
            "000 001 010 011 020 021 100 101 110 111 120 121",
        ),
        Litmus::new("broken by a store of another thread", "x=1.rlx; y=1.rel || y=2.rlx || y.acq; x.rlx", BROKEN)
            .forbidden("10", "y=1 synchronizes"),
        Litmus::new("broken by a store of the same thread", "x=1.rlx; y=1.rel; y=2.rlx || y.acq; x.rlx", BROKEN)
            .forbidden("10", "y=1 synchronizes; since C++20, y=2 does not"),
        Litmus::new(
            "broken after a relaxed load",
            "x=1.rlx; y=1.rel || y.rlx==1; y=2.rlx || y.acq; x.rlx",
            "000 001 011 100 101 111 120 121",
        )
        .forbidden("010 110", "y=1 synchronizes"),
        Litmus::new(
            "taken up after an acquire load",
            "x=1.rlx; y=1.rel || y.acq==1; y=2.rel || y.acq; x.rlx",
            "000 001 011 100 101 111 121",
        )
        .forbidden("010 110 120", "happens-before is transitive"),
    ]
}

pub fn store_buffering() -> [Litmus; 20] {
    const ALL: &str = "00 01 10 11";
    const RULE: &str = "in the order of all SeqCst operations one of the stores comes before both loads";
    let ordered = |name, program| Litmus::new(name, program, "01 10 11").forbidden("00", RULE);
    let unordered = |name, program| Litmus::new(name, program, ALL);
    [
        ordered("SB, SeqCst", "x=1.sc; y.sc || y=1.sc; x.sc"),
        unordered("SB", "x=1.rel; y.acq || y=1.rel; x.acq"),
        unordered("SB, relaxed", "x=1.rlx; y.rlx || y=1.rlx; x.rlx"),
        unordered("SB, SeqCst stores, acquire loads", "x=1.sc; y.acq || y=1.sc; x.acq"),
        unordered("SB, SeqCst stores, relaxed loads", "x=1.sc; y.rlx || y=1.sc; x.rlx"),
        unordered("SB, relaxed stores, SeqCst loads", "x=1.rlx; y.sc || y=1.rlx; x.sc"),
        unordered("SB, one store relaxed", "x=1.rlx; y.sc || y=1.sc; x.sc"),
        unordered("SB, one load acquire", "x=1.sc; y.acq || y=1.sc; x.sc"),
        unordered("SB, one thread SeqCst", "x=1.sc; y.sc || y=1.rel; x.acq"),
        ordered("SB, SeqCst fences", "x=1.rlx; F.sc; y.rlx || y=1.rlx; F.sc; x.rlx"),
        unordered("SB, one SeqCst fence", "x=1.rlx; F.sc; y.rlx || y=1.rlx; x.rlx"),
        unordered("SB, one fence only AcqRel", "x=1.rlx; F.sc; y.rlx || y=1.rlx; F.ar; x.rlx"),
        unordered("SB, AcqRel fences", "x=1.rlx; F.ar; y.rlx || y=1.rlx; F.ar; x.rlx"),
        ordered("SB, SeqCst against a fence", "x=1.sc; y.sc || y=1.rlx; F.sc; x.rlx"),
        unordered("SB, only the load SeqCst, against a fence", "x=1.rlx; y.sc || y=1.rlx; F.sc; x.rlx"),
        unordered("SB, release store and SeqCst load, against a fence", "x=1.rel; y.sc || y=1.rlx; F.sc; x.acq"),
        unordered("SB, only the store SeqCst, against a fence", "x=1.sc; y.rlx || y=1.rlx; F.sc; x.rlx"),
        unordered("SB, AcqRel against a fence", "x=1.rel; y.acq || y=1.rlx; F.sc; x.rlx"),
        Litmus::new("SB, SeqCst swaps", "x~1.sc; y.sc || y~1.sc; x.sc", "0001 0100 0101").forbidden("0000", RULE),
        Litmus::new("SB, AcqRel swaps", "x~1.ar; y.acq || y~1.ar; x.acq", "0000 0001 0100 0101"),
    ]
}

pub fn load_buffering() -> [Litmus; 5] {
    const ALL: &str = "00 01 10 11";
    const RULE: &str = "one thread's store synchronizes, and the other's comes after it";
    [
        Litmus::new("LB, relaxed", "x.rlx; y=1.rlx || y.rlx; x=1.rlx", ALL).unreached("11"),
        Litmus::new("LB, acquire only", "x.acq; y=1.rlx || y.acq; x=1.rlx", ALL).unreached("11"),
        Litmus::new("LB, one pair", "x.rlx; y=1.rel || y.acq; x=1.rlx", "00 01 10").forbidden("11", RULE),
        Litmus::new("LB", "x.acq; y=1.rel || y.acq; x=1.rel", "00 01 10").forbidden("11", RULE),
        Litmus::new("LB, SeqCst", "x.sc; y=1.sc || y.sc; x=1.sc", "00 01 10").forbidden("11", RULE),
    ]
}

pub fn writes() -> [Litmus; 13] {
    const ALL: &str = "11 12 21 22";
    const ORDER: &str = "the order of all SeqCst operations agrees with that of each variable's writes";
    [
        Litmus::new("2+2W, SeqCst", "x=1.sc; y=2.sc || y=1.sc; x=2.sc >> x y", "12 21 22").forbidden("11", ORDER),
        Litmus::new("2+2W, SeqCst fences", "x=1.rlx; F.sc; y=2.rlx || y=1.rlx; F.sc; x=2.rlx >> x y", "12 21 22")
            .forbidden("11", ORDER),
        Litmus::new("2+2W, one store relaxed", "x=1.sc; y=2.sc || y=1.rlx; x=2.sc >> x y", ALL).unreached("11"),
        Litmus::new("2+2W", "x=1.rel; y=2.rel || y=1.rel; x=2.rel >> x y", ALL).unreached("11"),
        Litmus::new("2+2W, relaxed", "x=1.rlx; y=2.rlx || y=1.rlx; x=2.rlx >> x y", ALL).unreached("11"),
        Litmus::new("S", "x=2.rlx; y=1.rel || y.acq; x=1.rlx >> x", "01 02 11").forbidden("12", "x=2 happens before x=1"),
        Litmus::new("S, relaxed", "x=2.rlx; y=1.rlx || y.rlx; x=1.rlx >> x", "01 02 11 12").unreached("12"),
        Litmus::new("S, fences", "x=2.rlx; F.rel; y=1.rlx || y.rlx; F.acq; x=1.rlx >> x", "01 02 11")
            .forbidden("12", "x=2 happens before x=1"),
        Litmus::new("R, SeqCst", "x=1.sc; y=1.sc || y=2.sc; x.sc >> y", "01 11 12").forbidden("02", ORDER),
        Litmus::new("R, SeqCst fences", "x=1.rlx; F.sc; y=1.rlx || y=2.rlx; F.sc; x.rlx >> y", "01 11 12").forbidden("02", ORDER),
        Litmus::new("R", "x=1.rel; y=1.rel || y=2.rel; x.acq >> y", "01 02 11 12"),
        Litmus::new("R, SeqCst stores, relaxed load", "x=1.sc; y=1.sc || y=2.sc; x.rlx >> y", "01 02 11 12"),
        Litmus::new("R, one store release", "x=1.sc; y=1.rel || y=2.sc; x.sc >> y", "01 02 11 12").unreached("02"),
    ]
}

pub fn causality() -> [Litmus; 14] {
    const ALL: &str = "000 001 010 011 100 101 110 111";
    const CHAIN: &str = "000 001 010 011 100 101 111";
    const TRANSITIVE: &str = "happens-before is transitive";
    const ORDERED: &str = "000 001 010 011 101 110 111";
    const ORDER: &str = "the order of all SeqCst operations would be a circle";
    [
        Litmus::new("WRC", "x=1.rlx || x.rlx; y=1.rel || y.acq; x.rlx", CHAIN)
            .forbidden("110", "read-read coherence: the first load of x happens before the second"),
        Litmus::new("WRC, relaxed", "x=1.rlx || x.rlx; y=1.rlx || y.rlx; x.rlx", ALL),
        Litmus::new("WRC, acquire only", "x=1.rlx || x.rlx; y=1.rlx || y.acq; x.rlx", ALL),
        Litmus::new("WRC, fences", "x=1.rlx || x.rlx; F.rel; y=1.rlx || y.rlx; F.acq; x.rlx", CHAIN)
            .forbidden("110", "read-read coherence: the first load of x happens before the second"),
        Litmus::new("ISA2", "x=1.rlx; y=1.rel || y.acq; z=1.rel || z.acq; x.rlx", CHAIN).forbidden("110", TRANSITIVE),
        Litmus::new("ISA2, relaxed in the middle", "x=1.rlx; y=1.rel || y.rlx; z=1.rel || z.acq; x.rlx", ALL),
        Litmus::new("ISA2, relaxed at the end", "x=1.rlx; y=1.rel || y.acq; z=1.rlx || z.acq; x.rlx", ALL),
        Litmus::new(
            "ISA2, the fence is another thread's",
            "x=1.rlx; F.rel; y=1.rlx || y.rlx; z=1.rel || z.acq; F.acq; x.rlx",
            ALL,
        )
        .unreached("110"),
        Litmus::new("RWC, SeqCst", "x=1.sc || x.sc; y.sc || y=1.sc; x.sc", ORDERED).forbidden("100", ORDER),
        Litmus::new("RWC", "x=1.rel || x.acq; y.acq || y=1.rel; x.acq", ALL),
        Litmus::new("RWC, SeqCst fences", "x=1.rlx || x.rlx; F.sc; y.rlx || y=1.rlx; F.sc; x.rlx", ORDERED)
            .forbidden("100", ORDER),
        Litmus::new("W+RWC, SeqCst", "x=1.sc; z=1.sc || z.sc; y.sc || y=1.sc; x.sc", ORDERED).forbidden("100", ORDER),
        Litmus::new("W+RWC, SeqCst but for x=1", "x=1.rlx; z=1.rel || z.acq; y.sc || y=1.sc; x.sc", ALL),
        Litmus::new("W+RWC, SeqCst fences", "x=1.rlx; z=1.rel || z.acq; F.sc; y.rlx || y=1.rlx; F.sc; x.rlx", ORDERED)
            .forbidden("100", ORDER),
    ]
}

pub fn independent_reads() -> [Litmus; 5] {
    const ALL: &str = "0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1010 1011 1100 1101 1110 1111";
    const ORDERED: &str = "0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1011 1100 1101 1110 1111";
    const ORDER: &str = "the order of all SeqCst operations would be a circle";
    [
        Litmus::new("IRIW, SeqCst", "x=1.sc || y=1.sc || x.sc; y.sc || y.sc; x.sc", ORDERED).forbidden("1010", ORDER),
        Litmus::new("IRIW, SeqCst loads", "x=1.rlx || y=1.rlx || x.sc; y.sc || y.sc; x.sc", ORDERED).forbidden("1010", ORDER),
        Litmus::new("IRIW, SeqCst fences", "x=1.rlx || y=1.rlx || x.rlx; F.sc; y.rlx || y.rlx; F.sc; x.rlx", ORDERED)
            .forbidden("1010", ORDER),
        Litmus::new("IRIW, SeqCst stores", "x=1.sc || y=1.sc || x.acq; y.acq || y.acq; x.acq", ALL),
        Litmus::new("IRIW", "x=1.rel || y=1.rel || x.acq; y.acq || y.acq; x.acq", ALL),
    ]
}

pub fn read_modify_writes() -> [Litmus; 8] {
    const WHOLE: &str = "no store falls between the halves of a read-modify-write";
    [
        Litmus::new("two increments", "x+1.rlx || x+1.rlx >> x", "012 102").forbidden("001 011 101", WHOLE),
        Litmus::new("an increment and a store", "x+1.rlx || x=2.rlx >> x", "02 23").forbidden("01 22", WHOLE),
        Litmus::new("two swaps", "x~1.rlx || x~2.rlx >> x", "012 201").forbidden("001 002 011 202 211 212", WHOLE),
        Litmus::new("two claims", "x?0:1.rlx.rlx || x?0:2.rlx.rlx >> x", "011 202").forbidden("001 002", WHOLE),
        Litmus::new("a claim and a store", "x?0:1.rlx.rlx || x=2.rlx >> x", "02 22").forbidden("01", WHOLE),
        Litmus::new("SB with increments of 0 as loads", "x=1.rlx; y+0.ar || y=1.rlx; x+0.ar", "00 01 10 11").unreached("00"),
        Litmus::new("MP with a failing CAS as a load", "x=1.rlx; y=1.rlx || y.rlx; x?5:6.rlx.rlx", "00 01 10 11").unreached("10"),
        Litmus::new(
            "two increments and a look",
            "x+1.rlx || x+1.rlx || x.rlx; x.rlx",
            "0100 0101 0102 0111 0112 0122 1000 1001 1002 1011 1012 1022",
        )
        .forbidden("0000 0001 0010 0011", WHOLE)
        .forbidden("0110 0120 0121 1010 1020 1021", "read-read coherence"),
    ]
}

pub fn data_races() -> [Litmus; 25] {
    let race = |name, program| Litmus::new(name, program, "race").forbidden("quiet", "nothing orders the accesses of d");
    let quiet = |name, program| Litmus::new(name, program, "quiet").forbidden("race", "the accesses of d are ordered");
    let alone = |name, program| Litmus::new(name, program, "quiet").forbidden("race", "only one thread gets to d");
    [
        quiet("publication", "*d=1; y=1.rel || y.acq==1; *d"),
        race("publication, relaxed store", "*d=1; y=1.rlx || y.acq==1; *d"),
        race("publication, relaxed load", "*d=1; y=1.rel || y.rlx==1; *d"),
        quiet("publication, fences", "*d=1; F.rel; y=1.rlx || y.rlx==1; F.acq; *d"),
        race("publication, fence too late", "*d=1; y=1.rlx; F.rel || y.acq==1; *d"),
        quiet("release sequence", "*d=1; y=1.rel || y+1.rlx || y.acq==2; *d"),
        race("release sequence broken", "*d=1; y=1.rel || y=2.rlx || y.acq==2; *d"),
        race("SeqCst of two variables", "*d=1; x=1.sc || y=1.sc; *d"),
        race("SeqCst store and load of two variables", "*d=1; x=1.sc || y.sc; *d"),
        race("SeqCst fences without accesses", "*d=1; F.sc; x=1.rlx || y.rlx; F.sc; *d"),
        quiet("SeqCst fences around an access", "*d=1; F.sc; x=1.rlx || x.rlx==1; F.sc; *d"),
        race("SeqCst store, relaxed load", "*d=1; x=1.sc || x.rlx==1; *d"),
        quiet("spin lock", "x~1.acq==0; *d=1; x=0.rel || x~1.acq==0; *d=1; x=0.rel"),
        race("spin lock, relaxed unlock", "x~1.acq==0; *d=1; x=0.rlx || x~1.acq==0; *d=1; x=0.rel"),
        race("spin lock, relaxed lock", "x~1.acq==0; *d=1; x=0.rel || x~1.rlx==0; *d=1; x=0.rel"),
        quiet("CAS lock", "x?0:1.acq.rlx==0; *d=1; x=0.rel || x?0:1.acq.rlx==0; *d=1; x=0.rel"),
        alone("Dekker", "x=1.sc; y.sc==0; *d=1 || y=1.sc; x.sc==0; *d=1"),
        race("Dekker, release and acquire", "x=1.rel; y.acq==0; *d=1 || y=1.rel; x.acq==0; *d=1"),
        race("Dekker, one store release", "x=1.rel; y.sc==0; *d=1 || y=1.sc; x.sc==0; *d=1"),
        race("Dekker, relaxed stores", "x=1.rlx; y.sc==0; *d=1 || y=1.rlx; x.sc==0; *d=1"),
        alone("Dekker, SeqCst fences", "x=1.rlx; F.sc; y.rlx==0; *d=1 || y=1.rlx; F.sc; x.rlx==0; *d=1"),
        alone("Peterson", "x=1.sc; z=2.sc; y.sc==0; *d=1 || y=1.sc; z=1.sc; z.sc==2; *d=1"),
        race("Peterson, release and acquire", "x=1.rel; z=2.rel; y.acq==0; *d=1 || y=1.rel; z=1.rel; z.acq==2; *d=1"),
        race("the fence is another thread's", "*d=1; F.rel; x=1.rlx || x.rlx==1; y=1.rel || y.acq==1; F.acq; *d")
            .unreached("race"),
        race("the sequence is another thread's", "*d=1; x=1.rel || x+1.rlx==1; y=1.rel || y.acq==1; F.acq; *d").unreached("race"),
    ]
}
