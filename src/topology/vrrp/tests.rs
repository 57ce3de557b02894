//! Elections foretold, against what was measured with Keepalived 2.2.7.

use super::*;

fn speaker(name: &str, last: u8, priority: u8) -> Speaker {
    Speaker {
        node: name.to_owned(),
        segment: Some("lan".to_owned()),
        address: Ipv4Addr::new(10, 0, 0, last),
        router_id: 51,
        priority,
        preempts: true,
        preempt_delay: 0.0,
        version: 2,
        advert: 1.0,
        password: None,
        peers: None,
        checks_source: false,
        admits: vec![Ipv4Net::default()],
        trackers: Vec::new(),
    }
}

fn tracked(mut speaker: Speaker, weight: i32, interval: f64, fall: u32) -> Speaker {
    let detection = Seconds { least: f64::from(fall - 1) * interval, most: f64::from(fall) * interval };
    let recovery = detection;
    let name = "haproxy".to_owned();
    let (hang, witnesses) = (Some(detection), Vec::new());
    speaker.trackers.push(Tracker { name, watches_haproxy: true, witnesses, weight, detection, hang, recovery });
    speaker
}

/// With a script that asks these every second whether anybody is there, for half a second each time.
fn asking(mut speaker: Speaker, weight: i32, witnesses: &[u8]) -> Speaker {
    let witnesses = witnesses.iter().map(|last| Ipv4Addr::new(10, 0, 0, *last)).collect();
    let detection = Seconds { least: 1.5, most: 2.5 };
    let recovery = Seconds { least: 1.0, most: 2.0 };
    let name = "network".to_owned();
    speaker.trackers.push(Tracker { name, watches_haproxy: false, witnesses, weight, detection, hang: None, recovery });
    speaker
}

/// Who holds the address after a failure on the first holder, and when.
fn after(speakers: Vec<Speaker>, fault: Fault) -> (Vec<String>, Option<Seconds>) {
    let group = Group::new(speakers);
    let start = group.start();
    let holder = *start.masters.first().expect("a master");
    let calm = group.after(&start, holder, fault);
    (calm.holders(&group).map(|speaker| speaker.node.clone()).collect(), calm.after)
}

/// What fails, version, interval of adverts, weight, interval and fall count of the script, seconds as measured.
type Row = (Fault, u8, f64, i32, f64, u32, (f64, f64));

const MEASURED: &[Row] = &[
    (Fault::Keepalived, 2, 1.0, 0, 2.0, 2, (0.63, 0.67)),
    (Fault::Node, 2, 1.0, 0, 2.0, 2, (3.57, 3.59)),
    (Fault::Link, 2, 1.0, 0, 2.0, 2, (3.57, 3.60)),
    (Fault::Haproxy, 2, 1.0, -20, 2.0, 2, (5.6, 6.6)),
    (Fault::Haproxy, 2, 1.0, -20, 1.0, 1, (3.6, 3.6)),
    (Fault::Haproxy, 2, 1.0, 0, 2.0, 2, (3.0, 4.0)),
    (Fault::Node, 3, 0.3, 0, 2.0, 2, (1.03, 1.08)),
    (Fault::Node, 3, 0.1, 0, 2.0, 2, (0.25, 0.35)),
    (Fault::Keepalived, 3, 0.1, 0, 2.0, 2, (0.095, 0.095)),
    (Fault::Haproxy, 3, 0.1, 0, 1.0, 1, (0.67, 0.67)),
    (Fault::Node, 3, 0.05, 0, 2.0, 2, (0.14, 0.18)),
];

#[test]
fn measured_times_are_foretold() {
    for (fault, version, advert, weight, interval, fall, (least, most)) in MEASURED {
        let one = |name, last, priority| {
            let mut one = tracked(speaker(name, last, priority), *weight, *interval, *fall);
            (one.version, one.advert) = (*version, *advert);
            one
        };
        let (owners, told) = after(vec![one("a", 1, 110), one("b", 2, 100)], *fault);
        assert_eq!(owners, ["b"], "{fault:?}");
        let told = told.expect("it moves");
        let text = format!("{fault:?} {version} {advert} {weight}: {told} against {least} to {most}");
        // Measuring looks every few hundredths of a second; noticing the address takes as long again.
        assert!(told.least <= least + 0.1 && *most <= told.most + 0.1, "{text}");
        assert!((told.middle() - f64::midpoint(*least, *most)).abs() < 1.5, "{text}");
    }
}

#[test]
fn an_equal_priority_takes_nothing() {
    for (first, second, weight, stays) in [
        (110, 100, -10, true),
        (100, 110, -10, true),
        (130, 100, -20, true),
        (110, 100, -11, false),
        (150, 100, -60, false),
    ] {
        let speakers =
            vec![tracked(speaker("a", 30, first), weight, 2.0, 2), tracked(speaker("b", 31, second), weight, 2.0, 2)];
        let group = Group::new(speakers);
        let start = group.start();
        let end = group.after(&start, *start.masters.first().expect("a master"), Fault::Haproxy);
        assert_eq!(end.masters == start.masters, stays, "{first} {second} {weight}");
        assert_eq!(end.trouble() == Some(Trouble::Useless), stays);
    }
}

#[test]
fn of_equal_priorities_the_higher_address_wins() {
    let group = Group::new(vec![speaker("a", 9, 100), speaker("b", 8, 100)]);
    assert_eq!(group.start().masters, BTreeSet::from([0]));
}

#[test]
fn without_preemption_a_weight_moves_nothing_but_giving_up_does() {
    for (weight, owner) in [(-60, "a"), (0, "b")] {
        let mut speakers = vec![speaker("a", 1, 150), speaker("b", 2, 100)].into_iter();
        let speakers = speakers.by_ref().map(|one| tracked(one, weight, 2.0, 2));
        let speakers = speakers.map(|one| Speaker { preempts: false, ..one }).collect();
        assert_eq!(after(speakers, Fault::Haproxy).0, [owner]);
    }
}

#[test]
fn who_does_not_hear_the_other_is_master_beside_it() {
    let pair = || [speaker("a", 1, 150), speaker("b", 2, 100)];
    let change = |change: &dyn Fn(&mut Speaker, &mut Speaker)| {
        let [mut a, mut b] = pair();
        change(&mut a, &mut b);
        let group = Group::new(vec![a, b]);
        (group.start().masters.len(), group.deaf(1, 0))
    };
    assert_eq!(change(&|_, _| {}), (1, None));
    assert_eq!(change(&|_, b| b.admits.clear()), (2, Some(Deaf::Firewall)));
    assert_eq!(change(&|_, b| b.segment = Some("x".to_owned())), (2, Some(Deaf::Segment)));
    assert_eq!(change(&|_, b| b.advert = 2.0), (2, Some(Deaf::Advert)));
    assert_eq!(change(&|_, b| b.router_id = 7), (2, Some(Deaf::RouterId)));
    assert_eq!(change(&|_, b| b.version = 3), (2, Some(Deaf::Version)));
    assert_eq!(change(&|_, b| b.password = Some(Password("x".to_owned()))), (2, Some(Deaf::Password)));
    assert_eq!(change(&|_, b| b.peers = Some(vec![Ipv4Addr::new(10, 0, 0, 1)])), (2, Some(Deaf::NotSent)));
    // Only the first eight characters of a password go over the wire.
    let long = |text: &str| Some(Password(text.to_owned()));
    assert_eq!(change(&|a, b| (a.password, b.password) = (long("12345678a"), long("12345678b"))), (1, None));
}

/// Measured behind bake's filter with nothing open for VRRP: multicast stays apart for ever; of unicast speakers the lower one
/// takes the address, and gives it back 20 ms later, because its own adverts have let the other's in.
#[test]
fn unicast_opens_a_stateful_filter_from_inside() {
    let group = |unicast: bool| {
        let both = [("a", 1, 150, 2), ("b", 2, 100, 1)].map(|(name, last, priority, peer)| Speaker {
            admits: Vec::new(),
            peers: unicast.then(|| vec![Ipv4Addr::new(10, 0, 0, peer)]),
            ..speaker(name, last, priority)
        });
        Group::new(both.to_vec())
    };
    assert_eq!(group(false).start().masters, BTreeSet::from([0, 1]));
    let group = group(true);
    let start = group.start();
    assert_eq!((start.trouble(), &start.masters), (None, &BTreeSet::from([0])));
    // The second one begins 3.6 s after the start.
    assert!(start.after.is_some_and(|after| (3.55..3.65).contains(&after.most)), "{:?}", start.after);
    let gone = group.after(&start, 0, Fault::Node);
    let back = group.repaired(&gone, 0, Fault::Node);
    assert_eq!((&gone.masters, &back.masters), (&BTreeSet::from([1]), &BTreeSet::from([0])));
    assert_eq!(group.deaf(1, 0), Some(Deaf::Firewall), "it is a mistake all the same");
}

#[test]
fn three_candidates_need_a_weight_beyond_the_whole_gap() {
    let trouble = |weight: i32| {
        let all = [("a", 1, 150), ("b", 2, 100), ("c", 3, 50)];
        let speakers = all.map(|(name, last, priority)| tracked(speaker(name, last, priority), weight, 2.0, 2));
        let found = findings(&Group::new(speakers.to_vec()), &Fault::ALL).into_iter();
        found.filter(|one| one.trouble.is_some()).map(|one| one.events.len()).min()
    };
    assert_eq!(trouble(-40), Some(1), "less than one gap");
    assert_eq!(trouble(-60), Some(2), "less than two of them");
    assert_eq!(trouble(-110), None);
    assert_eq!(trouble(0), None);
}

#[test]
fn who_is_repaired_takes_the_address_back_in_the_time_that_was_measured() {
    for (fault, weight, measured) in
        [(Fault::Keepalived, -20, 3.6), (Fault::Link, -20, 3.6), (Fault::Haproxy, -20, 5.05), (Fault::Haproxy, 0, 6.4)]
    {
        let both = [speaker("a", 1, 110), speaker("b", 2, 100)].map(|one| tracked(one, weight, 2.0, 2));
        let group = Group::new(both.to_vec());
        let broken = group.after(&group.start(), 0, fault);
        let back = group.repaired(&broken, 0, fault);
        assert_eq!((broken.masters, back.masters), (BTreeSet::from([1]), BTreeSet::from([0])), "{fault:?}");
        let told = back.after.expect("it moves");
        assert!(told.least <= measured && measured <= told.most + 0.3, "{fault:?}: {told} against {measured}");
    }
}

#[test]
fn a_partition_makes_two_masters_until_it_heals() {
    let group = Group::new(vec![speaker("a", 1, 150), speaker("b", 2, 100)]);
    for at in [0, 1] {
        let (apart, healed) = group.partitioned(&group.start(), at);
        assert_eq!((apart.masters.len(), healed.masters), (2, BTreeSet::from([0])));
        assert!(healed.after.is_some_and(|after| after.most <= 1.0));
    }
}

#[test]
fn who_is_alone_gives_up_if_it_asks() {
    // Whom they ask, with which weight; who holds the address while `a` is cut off. Afterwards it is always `a`.
    for (witnesses, weight, apart) in [
        (&[][..], 0, &["a", "b"][..]),
        (&[1, 2, 9], 0, &["b"]),
        // Nobody but each other: the other one is alone, too.
        (&[1, 2], 0, &[]),
        // A weight changes the priority of one that nobody hears.
        (&[9], -10, &["a", "b"]),
    ] {
        let one = |name, last, priority| {
            let others: Vec<u8> = witnesses.iter().copied().filter(|witness| *witness != last).collect();
            asking(speaker(name, last, priority), weight, &others)
        };
        let group = Group::new(vec![one("a", 1, 150), one("b", 2, 100)]);
        let (cut, mended) = group.partitioned(&group.start(), 0);
        let names = |calm: &Calm| calm.holders(&group).map(|speaker| speaker.node.clone()).collect::<Vec<_>>();
        assert_eq!(names(&cut), apart, "{witnesses:?}");
        assert_eq!(names(&mended), ["a"], "{witnesses:?}");
    }
}

#[test]
fn a_cut_is_noticed_before_the_others_take_over() {
    let group = Group::new(vec![asking(speaker("a", 1, 150), 0, &[9]), asking(speaker("b", 2, 100), 0, &[9])]);
    let (cut, mended) = group.partitioned(&group.start(), 0);
    let (cut, mended) = (cut.after.expect("it moves"), mended.after.expect("it moves back"));
    assert!((cut.least - 2.61).abs() < 0.01 && (cut.most - 3.61).abs() < 0.01, "{cut}");
    assert!((mended.least - 3.41).abs() < 0.01 && (mended.most - 5.41).abs() < 0.01, "{mended}");
}

#[test]
fn asking_nobody_but_the_other_one_leaves_nobody() {
    let group = Group::new(vec![asking(speaker("a", 1, 150), 0, &[2]), asking(speaker("b", 2, 100), 0, &[1])]);
    let end = group.after(&group.start(), 0, Fault::Node);
    assert_eq!((end.masters.len(), end.trouble()), (0, Some(Trouble::Nobody)));
}
