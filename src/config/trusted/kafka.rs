//! The brokers: where they are, and what librdkafka is told beside.
//!
//! Place in the flow: a part of trusted.rs. Secrets are read here, from files and variables, and refuse to be shown from
//! then on.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::Check;
use crate::config::layers::text_only;
use crate::config::value::{Properties, Property};
use crate::config::{Kafka, Secret, written};

/// librdkafka settings that follow from keys of ours, or that the promises of [`Delivery`](crate::config::Delivery) rest on.
const OWN_PROPERTIES: [(&str, &str); 6] = [
    ("bootstrap.servers", "kafka.bootstrap_servers"),
    ("metadata.broker.list", "kafka.bootstrap_servers"),
    ("group.id", "kafka.group"),
    ("enable.auto.commit", "commit.interval"),
    ("enable.auto.offset.store", "commit.interval"),
    ("auto.commit.interval.ms", "commit.interval"),
];

impl Check<'_> {
    pub(super) fn kafka(&mut self, written: written::Kafka) -> Kafka {
        let servers = &written.bootstrap_servers;
        if servers.trim().is_empty() {
            self.wrong(
                "kafka.bootstrap_servers",
                "'kafka.bootstrap_servers' is missing",
                "the brokers' addresses: [kafka] bootstrap_servers = \"host:9092\"",
            );
        } else if let Some(wrong) = servers.split(',').find(|server| !is_server(server.trim())) {
            self.wrong(
                "kafka.bootstrap_servers",
                format!("'kafka.bootstrap_servers' has {:?}", wrong.trim()),
                "host:port, several parted by commas",
            );
        }
        if written.group.is_empty() {
            self.wrong(
                "kafka.group",
                "'kafka.group' is empty",
                "the name of a consumer group",
            );
        }
        Kafka {
            partitions: self.number("kafka.partitions", written.partitions, 1..=10_000) as i32,
            replication: self.number("kafka.replication", written.replication, 1..=100) as i32,
            bootstrap_servers: written.bootstrap_servers,
            group: written.group,
            create_topics: written.create_topics,
            host_header: written.host_header,
            properties: self.properties(written.properties),
        }
    }

    fn properties(&mut self, written: Properties) -> BTreeMap<String, Secret> {
        let mut properties = BTreeMap::new();
        for (name, (property, origin)) in written.0 {
            let place = self
                .reader
                .place_of(&format!("kafka.properties.{name}"), origin.as_deref());
            if let Some((_, key)) = OWN_PROPERTIES.iter().find(|(own, _)| *own == name) {
                self.reader.mistakes.add(
                    place,
                    format!("'{name}' is trailhound's own"),
                    format!("'{key}' instead"),
                );
                continue;
            }
            let value = match property {
                Property::Plain(text) => Ok(text),
                Property::File(path) => {
                    // What a variable says counts from the place where the program was started.
                    let path = if text_only(origin.as_deref()) {
                        path
                    } else {
                        self.directory.join(path)
                    };
                    std::fs::read_to_string(&path)
                        .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
                        .map_err(|error| format!("{}: {error}", path.display()))
                }
                Property::Env(variable) => {
                    match self.beside.environment.get(&OsString::from(&variable)) {
                        Some(value) => value
                            .to_str()
                            .map(str::to_owned)
                            .ok_or_else(|| format!("environment variable {variable}: not UTF-8")),
                        None => Err(format!("environment variable {variable}: not set")),
                    }
                }
            };
            match value {
                Ok(text) => {
                    if let Some(what) = self.beside.judge.and_then(|judge| judge(&name, &text)) {
                        let expected = "a name and a value that librdkafka knows";
                        self.reader.mistakes.add(place, what, expected);
                    }
                    properties.insert(name, Secret::new(text));
                }
                Err(what) => self.reader.mistakes.add(
                    place,
                    format!("the secret of '{name}' cannot be read: {what}"),
                    "a file that can be read, or a variable that is set",
                ),
            }
        }
        properties
    }
}

/// `host`, `host:port`, `[::1]:port`, each with or without `PROTOCOL://`.
fn is_server(server: &str) -> bool {
    let server = server.split_once("://").map_or(server, |(_, rest)| rest);
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        // A bare IPv6 address, or a port too many.
        Some(_) => return server.parse::<std::net::Ipv6Addr>().is_ok(),
        None => (server, None),
    };
    let port_is_fine = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    !host.is_empty() && !host.contains([' ', '/']) && port_is_fine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_a_host_and_a_port() {
        for right in ["localhost", "k1:9092", "[::1]:9092", "SASL_SSL://k1:9093"] {
            assert!(is_server(right), "{right}");
        }
        for wrong in [
            "",
            ":9092",
            "k1:9092:1",
            "k1:0",
            "k1:99999",
            "k1:port",
            "k1 k2:9092",
        ] {
            assert!(!is_server(wrong), "{wrong}");
        }
    }
}
