//! Properties of the set as a whole: what is planted is found with its span, and nothing else is.
//! Stands beside the stage; the parts have tests of their own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use proptest::prelude::*;

use super::*;

fn set(lines: &str) -> IntelSet {
    let mut builder = Builder::default();
    let loaded = builder.add("list.txt", lines.as_bytes());
    assert!(loaded.refused.is_empty(), "{:?}", loaded.refused);
    builder.build()
}

fn hits(set: &IntelSet, text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    set.text(text.as_bytes(), &mut |span: Range<usize>, indicator| {
        found.push((text[span].to_owned(), indicator.value.into_string()));
    });
    found
}

fn one(set: &IntelSet, text: &str, token: &str) {
    let found: Vec<String> = hits(set, text).into_iter().map(|h| h.0).collect();
    assert_eq!(found, [token], "{text}");
}

fn none(set: &IntelSet, text: &str) {
    assert_eq!(hits(set, text), [], "{text}");
}

#[test]
fn addresses_are_found_as_whole_tokens() {
    let set = set("10.0.0.1\n2001:db8::1\n203.0.113.0/24\n");
    for text in [
        "10.0.0.1",
        "http://10.0.0.1:80/x",
        "user@10.0.0.1:",
        "/dev/tcp/10.0.0.1/4444",
        "--host=10.0.0.1",
        "mysql -h10.0.0.1 -u root",
        "see 10.0.0.1.",
        "(10.0.0.1)",
        "nmap 10.0.0.1-10.0.0.9",
        "“10.0.0.1”",
        "addr:10.0.0.1,",
    ] {
        one(&set, text, "10.0.0.1");
    }
    for text in [
        "[2001:db8::1]:443",
        "addr:2001:db8::1:",
        "2001:db8::1.",
        "host=2001:db8::1",
        "fe80 2001:db8::1%eth0",
    ] {
        one(&set, text, "2001:db8::1");
    }
    one(&set, "2001:0DB8:0:0::0001", "2001:0DB8:0:0::0001");
    one(&set, "x ::ffff:10.0.0.1 y", "::ffff:10.0.0.1");
    one(&set, "ssh root@203.0.113.66", "203.0.113.66");
    for text in [
        "110.0.0.1",
        "10.0.0.11",
        "10.0.0.1.5",
        "libfoo-10.0.0.1.so",
        "v10.0.0.1",
        "10.0.0.1a",
        "10.0.0.1.tar.gz",
        "10.0.0.1_x",
        "1.10.0.0.1",
        "2001:db8::11",
        "12001:db8::1",
        "a2001:db8::1",
        "std::string",
        "2001:db8::1f",
        "10.0.0",
        "203.0.114.1",
    ] {
        none(&set, text);
    }
}

#[test]
fn domains_are_found_by_their_suffix_on_label_boundaries() {
    let set = set("evil.example\nbücher.example\n");
    one(&set, "curl http://a.b.EVIL.example/x", "a.b.EVIL.example");
    for text in [
        "evil.example",
        "root@evil.example:",
        "*.evil.example",
        "evil.example.",
        "“evil.example”",
        "--url=evil.example:80",
        "a\0evil.example\0",
    ] {
        one(&set, text, "evil.example");
    }
    one(&set, "http://www.bücher.example/", "www.bücher.example");
    for text in [
        "notevil.example",
        "evil.example.org",
        "evil-example",
        "evil.example-x",
        "xevil.example",
        "übevil.example",
        "evil.examples",
        "example",
    ] {
        none(&set, text);
    }
    let mut parents = Vec::new();
    set.domain("A.Evil.Example.", &mut |i| parents.push(i.value));
    assert_eq!(parents.len(), 1);
}

#[test]
fn urls_match_exactly_but_for_slash_and_fragment() {
    let set = set("hxxp://evil[.]example/a/b?c=1\nhttp://203.0.113.66\n");
    one(
        &set,
        "curl -O 'HTTP://EVIL.example:80/a/b?c=1#frag'",
        "HTTP://EVIL.example:80/a/b?c=1#frag",
    );
    one(
        &set,
        "sh -c (curl http://203.0.113.66/);ls",
        "http://203.0.113.66/",
    );
    one(&set, "wget http://203.0.113.66&& sh", "http://203.0.113.66");
    for text in [
        "http://evil.example/a/b",
        "http://evil.example/A/b?c=1",
        "http://evil.example/a/b?c=1&d=2",
        "https://203.0.113.66",
        "http://203.0.113.66/x",
    ] {
        none(&set, text);
    }
}

#[test]
fn digests_are_found_in_any_case_and_not_in_longer_runs() {
    let md5 = "0123456789abcdef0123456789abcdef";
    let set = set(&format!("{md5}\n{}\n{}", "ab".repeat(20), "cd".repeat(32)));
    one(
        &set,
        &format!("md5={}", md5.to_uppercase()),
        &md5.to_uppercase(),
    );
    one(&set, &format!("/tmp/{md5}.bin {}", "f".repeat(31)), md5);
    one(&set, &"ab".repeat(20), &"ab".repeat(20));
    one(&set, &format!("x {}", "cd".repeat(32)), &"cd".repeat(32));
    none(&set, &format!("{md5}0"));
    none(&set, &format!("f{md5}"));
    none(&set, &format!("z{md5}"));
}

#[test]
fn a_file_is_read_as_people_write_it() {
    let mut builder = Builder::default();
    let text = b"\xef\xbb\xbf# feed\r\nevil.example\r\n\r\nEVIL[.]example # again\r\nbad thing\r\n0.0.0.0/0\n\xff\n";
    let first = builder.add("a.txt", text);
    assert_eq!(first.indicators, 1);
    let lines: Vec<u32> = first.refused.iter().map(|r| r.0).collect();
    assert_eq!(lines, [5, 6, 7]);
    let second = builder.add("b.txt", b"1.2.3.4\nevil.example");
    assert_eq!((second.indicators, second.refused.len()), (1, 0));
    let set = builder.build();
    assert_eq!(set.len(), 2);
    let mut found = Vec::new();
    set.domain("evil.example", &mut |i| found.push((i.file, i.line)));
    set.ip(
        IpAddr::V6(Ipv4Addr::new(1, 2, 3, 4).to_ipv6_mapped()),
        &mut |i| found.push((i.file, i.line)),
    );
    assert_eq!(found, [("a.txt".into(), 2), ("b.txt".into(), 1)]);
}

#[test]
fn an_empty_set_finds_nothing() {
    let set = IntelSet::default();
    assert!(set.is_empty());
    none(&set, "http://evil.example/ 10.0.0.1");
}

#[test]
fn an_indicator_takes_less_than_64_bytes() {
    let mut lines = String::new();
    for i in 0..50_000u32 {
        let ip = Ipv4Addr::from_bits(0x0b00_0000 + i * 7);
        lines += &format!(
            "{ip}\nhost-{i}.some-campaign.example\nhttp://h{i}.example/path/{i}.exe\n{i:064x}\n"
        );
    }
    let set = set(&lines);
    assert_eq!(set.len(), 200_000);
    assert!(
        set.memory() <= 64 * set.len(),
        "{} bytes each",
        set.memory() / set.len()
    );
}

fn planted() -> impl Strategy<Value = String> {
    let v4 = (1u8..=223, any::<[u8; 3]>())
        .prop_filter("other machines", |(a, _)| *a != 127)
        .prop_map(|(a, [b, c, d])| Ipv4Addr::new(a, b, c, d).to_string());
    let v6 = any::<[u16; 6]>()
        .prop_map(|w| Ipv6Addr::new(0x2001, 0xdb8, w[0], w[1], w[2], w[3], w[4], w[5]).to_string());
    let hex =
        |n: usize| proptest::string::string_regex(&format!("[0-9a-f]{{{n}}}")).expect("a pattern");
    prop_oneof![
        v4,
        v6,
        "[a-z]{1,8}(-[a-z0-9]{1,4})?\\.[a-z]{3,8}\\.(example|test)",
        "https?://[a-z]{2,8}\\.(example|test)/[a-zA-Z0-9/]{0,12}[a-z]",
        hex(32),
        hex(40),
        hex(64),
    ]
}

proptest! {
    #[test]
    fn what_is_planted_is_found_with_its_span(
        indicator in planted(),
        // Words that can be no token of the kinds planted.
        before in "([a-zA-Z]{1,6}[ =,'\"/|]){0,6}",
        after in "([ ,'\"|][a-zA-Z]{1,6}){0,6}",
    ) {
        let before = if indicator.contains("://") { before.replace('/', " ") } else { before };
        let set = set(&indicator);
        let text = format!("{before}{indicator}{after}");
        let mut found = Vec::new();
        set.text(text.as_bytes(), &mut |span, _| found.push(span));
        prop_assert_eq!(found, vec![before.len()..before.len() + indicator.len()], "{}", text);
    }

    #[test]
    fn glued_to_other_letters_nothing_is_found(indicator in planted(), tail in "[a-z0-9]{1,3}") {
        prop_assume!(!indicator.contains("://"));
        let set = set(&indicator);
        let mut found = Vec::new();
        set.text(format!("{indicator}{tail}").as_bytes(), &mut |span, i| found.push((span, i)));
        prop_assert!(found.is_empty(), "{:?}", found);
    }

    #[test]
    fn disguise_comes_off(indicator in planted(), style in 0usize..4) {
        let (dot, scheme) = [("[.]", "hxxp"), ("(dot)", "hXXp"), ("{.}", "hxxp"), ("\\.", "h**p")][style];
        let disguised = indicator.replace('.', dot).replace("http", scheme);
        prop_assert_eq!(refang::refang(&disguised), indicator);
    }

    #[test]
    fn no_bytes_make_it_panic(list in any::<Vec<u8>>(), text in any::<Vec<u8>>(), noise in "[a-f0-9:./@\\-é\\[\\]]{0,80}") {
        let mut builder = Builder::default();
        builder.add("any", &list);
        builder.add("some", format!("{noise}\n1.2.3.4\n2001:db8::/32\nevil.example\nhttp://e.example\n{:032x}", 1).as_bytes());
        let set = builder.build();
        for bytes in [&text, &list, noise.as_bytes()] {
            set.text(bytes, &mut |span, _| assert!(bytes.get(span).is_some_and(|t| !t.is_empty())));
        }
        set.domain(&noise, &mut |_| {});
    }
}
