//! What a client says beside its answers: why the brokers do not let it in.
//!
//! Place in the flow: beside every client. A request to brokers that refuse a client only times out; the reason
//! comes apart from it, in the client's own words, which name brokers, settings and certificates, never their values.
//! It refuses to tell anything twice that comes back as an error.

use std::sync::Mutex;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::lock;

/// What is wrong with how a client presents itself. Waiting does not cure it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: String,
    /// Where to look.
    pub advice: &'static str,
}

/// A reason that is the client's own fault; `None` for one of the network or of the brokers.
pub fn refusal(error: &KafkaError, reason: &str) -> Option<Refusal> {
    let advice = match error.rdkafka_error_code()? {
        RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed => {
            "look at sasl.mechanism, sasl.username and sasl.password in [kafka.properties]"
        }
        RDKafkaErrorCode::SSL => {
            "look at security.protocol and ssl.ca.location (or ssl.ca.pem) in [kafka.properties], and at the \
             names in the brokers' certificates"
        }
        RDKafkaErrorCode::GroupAuthorizationFailed => {
            "it needs a rule of access that lets it read the group (kafka.group)"
        }
        RDKafkaErrorCode::TopicAuthorizationFailed => {
            "it needs rules of access that let it read its inputs, write its outputs, and both with the topics of its state"
        }
        RDKafkaErrorCode::ClusterAuthorizationFailed => {
            "it needs a rule of access for idempotent writes (IdempotentWrite on the cluster, or Write on a topic)"
        }
        _ => return None,
    };
    let reason = reason.to_owned();
    Some(Refusal { reason, advice })
}

/// Tells what a client in use says: that it is not let in is for people, the rest is followed by its consequences. That all is read
/// is no error.
pub fn tell(who: &str, error: &KafkaError, reason: &str) {
    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
        return;
    }
    match refusal(error, reason) {
        Some(Refusal { reason, advice }) => {
            tracing::error!(
                who,
                "the brokers do not let this client in: {reason}; {advice}"
            );
        }
        None => tracing::debug!(%error, reason, who, "from a client"),
    }
}

/// Keeps what a client says, for who asked.
#[derive(Default)]
pub struct Hearing {
    refused: Mutex<Option<Refusal>>,
    said: Mutex<Option<String>>,
}

impl Hearing {
    /// Why this client is not let in.
    pub fn refusal(&self) -> Option<Refusal> {
        lock(&self.refused).clone()
    }

    /// What else it said last.
    pub fn said(&self) -> Option<String> {
        let said = lock(&self.said).clone()?;
        // Connected, and cut off before the first answer.
        Some(match said.contains("APIVERSION_QUERY") {
            true => format!(
                "{said}; a listener that wants TLS hangs up like this: look at security.protocol in [kafka.properties]"
            ),
            false => said,
        })
    }

    fn hear(&self, words: &str) {
        *lock(&self.said) = Some(words.to_owned());
    }
}

impl ClientContext for Hearing {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, "librdkafka: {message}");
        // A connection that failed. The name of the thread before it is of no use to anybody.
        if facility == "FAIL" {
            self.hear(
                message
                    .split_once("]: ")
                    .map_or(message, |(_, words)| words),
            );
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "asking the brokers");
        if let Some(refused) = refusal(&error, reason) {
            *lock(&self.refused) = Some(refused);
        } else if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            self.hear(reason);
        }
    }
}

impl ConsumerContext for Hearing {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_clients_own_fault_is_told_with_where_to_look() {
        let hearing = Hearing::default();
        hearing.error(
            KafkaError::Global(RDKafkaErrorCode::AllBrokersDown),
            "1/1 are down",
        );
        assert_eq!((hearing.refusal(), hearing.said()), (None, None));
        let connection =
            "[thrd:k1:9092/bootstrap]: k1:9092/bootstrap: Connect to ipv4#127.0.0.1:1 failed";
        hearing.log(RDKafkaLogLevel::Error, "FAIL", connection);
        let said = hearing.said().expect("heard");
        assert_eq!(
            said,
            "k1:9092/bootstrap: Connect to ipv4#127.0.0.1:1 failed"
        );
        hearing.log(
            RDKafkaLogLevel::Error,
            "FAIL",
            "Disconnected (after 1ms in state APIVERSION_QUERY)",
        );
        assert!(
            hearing
                .said()
                .is_some_and(|said| said.contains("security.protocol"))
        );
        for (code, advice) in [
            (RDKafkaErrorCode::Authentication, "sasl.password"),
            (RDKafkaErrorCode::GroupAuthorizationFailed, "kafka.group"),
        ] {
            hearing.error(KafkaError::Global(code), "wrong");
            let refusal = hearing.refusal().expect("refused");
            assert_eq!(refusal.reason, "wrong");
            assert!(refusal.advice.contains(advice));
        }
    }
}
