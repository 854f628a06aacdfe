//! A broker that wants TLS and a password (SASL_SSL, SCRAM-SHA-512): the daemon works with the right secrets, says
//! what is wrong with wrong ones, and tells none of them, wherever it writes.
//!
//! Place in the flow: the top, beside cases.rs. Certificates and the user are made here, with the JDK's own tools, and
//! differ from run to run. Lines are fed through the broker's plain door; daemons and readers know the other one only.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rdkafka::ClientConfig;
use tempfile::TempDir;

use crate::broker::{Broker, Door, free_port};
use crate::cases::feed;
use crate::clients;
use crate::daemon::{KINDS, Place, wait_for};
use crate::recording::{self, Documents};

const USER: &str = "trailhound-daemon";
/// Of the key stores, which are the broker's.
const STORE: &str = "of-the-store";

/// The door, and what opens it.
struct Secrets {
    folder: TempDir,
    port: u16,
    password: String,
}

impl Secrets {
    fn new() -> Secrets {
        let secrets = Secrets {
            folder: tempfile::tempdir().expect("a folder"),
            port: free_port(),
            password: format!("hush-{:016x}-hush", std::process::id() ^ 0x5eed_1e55),
        };
        secrets.certify("ca");
        secrets.certify("stranger");
        // The broker's own certificate is for an address, and for no name.
        secrets.keytool(
            &["-genkeypair", "-alias", "broker", "-dname", "CN=broker"],
            "broker.p12",
        );
        let request = secrets.path("broker.csr");
        secrets.keytool(
            &["-certreq", "-alias", "broker", "-file", &request],
            "broker.p12",
        );
        let signed = secrets.path("broker.pem");
        let sign = [
            "-gencert",
            "-alias",
            "ca",
            "-rfc",
            "-ext",
            "san=ip:127.0.0.1",
        ];
        let files = ["-infile", &request, "-outfile", &signed];
        secrets.keytool(&[&sign[..], &files[..]].concat(), "ca.p12");
        let import = |alias, file: &str| {
            let import = ["-importcert", "-noprompt", "-alias", alias, "-file", file];
            secrets.keytool(&import, "broker.p12");
        };
        import("ca", &secrets.path("ca.pem"));
        import("broker", &signed);
        fs::write(secrets.path("password"), format!("{}\n", secrets.password)).expect("written");
        fs::write(secrets.path("wrong"), "not-the-password-hush\n").expect("written");
        secrets
    }

    /// An authority, with its certificate as text.
    fn certify(&self, name: &str) {
        let store = format!("{name}.p12");
        let made = [
            "-genkeypair",
            "-alias",
            name,
            "-dname",
            "CN=authority",
            "-ext",
            "bc:c=ca:true",
        ];
        self.keytool(&made, &store);
        let file = self.path(&format!("{name}.pem"));
        self.keytool(
            &["-exportcert", "-alias", name, "-rfc", "-file", &file],
            &store,
        );
    }

    fn keytool(&self, arguments: &[&str], store: &str) {
        let is_made = arguments.contains(&"-genkeypair");
        let kind: &[&str] = match is_made {
            true => &["-keyalg", "EC", "-groupname", "secp256r1", "-validity", "2"],
            false => &[],
        };
        let output = Command::new("keytool")
            .args(arguments)
            .args(kind)
            .args(["-storetype", "PKCS12", "-storepass", STORE, "-keystore"])
            .arg(self.path(store))
            .output()
            .expect("the JDK's keytool");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "keytool {arguments:?}: {said}");
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn servers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The last section of a configuration.
    fn properties(&self, authority: &str, password: &str) -> String {
        format!(
            "[kafka.properties]\n\"security.protocol\" = \"SASL_SSL\"\n\"sasl.mechanism\" = \"SCRAM-SHA-512\"\n\
             \"sasl.username\" = {{ env = \"TEST_KAFKA_USER\" }}\n\"sasl.password\" = {{ file = \"{}\" }}\n\
             \"ssl.ca.pem\" = {{ file = \"{}\" }}\n",
            self.path(password),
            self.path(&format!("{authority}.pem")),
        )
    }

    fn reader(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.servers())
            .set("security.protocol", "SASL_SSL")
            .set("sasl.mechanism", "SCRAM-SHA-512")
            .set("sasl.username", USER)
            .set("sasl.password", &self.password)
            .set("ssl.ca.location", self.path("ca.pem"));
        config
    }

    /// Neither as it is nor as SASL would carry it, nor any line of the certificate that was given as text.
    fn are_not_in(&self, what: &str, text: &str) {
        let wrong = fs::read_to_string(self.path("wrong")).expect("written");
        for secret in [self.password.as_str(), wrong.trim(), STORE] {
            let carried = STANDARD.encode(secret);
            assert!(!text.contains(secret), "{what} tells a secret");
            assert!(
                !text.contains(carried.trim_end_matches('=')),
                "{what} tells a secret"
            );
        }
        let certificate = fs::read_to_string(self.path("ca.pem")).expect("written");
        let mut lines = certificate.lines().filter(|line| line.len() > 40);
        assert!(
            lines.all(|line| !text.contains(line)),
            "{what} tells a certificate"
        );
    }
}

impl Door for &Secrets {
    fn settings(&self, plain: &str) -> String {
        let door = format!("listeners=SASL_SSL://127.0.0.1:{},PLAINTEXT://", self.port);
        let map = "listener.security.protocol.map=";
        let beside = plain
            .replace("listeners=PLAINTEXT://", &door)
            .replace(map, &format!("{map}SASL_SSL:SASL_SSL,"));
        format!(
            "{beside}sasl.enabled.mechanisms=SCRAM-SHA-512\n\
             listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
             org.apache.kafka.common.security.scram.ScramLoginModule required;\n\
             ssl.keystore.type=PKCS12\nssl.keystore.location={}\nssl.keystore.password={STORE}\n",
            self.path("broker.p12")
        )
    }

    fn format(&self) -> Vec<String> {
        let user = format!("SCRAM-SHA-512=[name={USER},password={}]", self.password);
        vec!["--add-scram".to_owned(), user]
    }
}

/// What a reader over SASL_SSL finds, each document as often as it stands there.
fn committed(secrets: &Secrets, place: &Place) -> Vec<String> {
    let mut all = Vec::new();
    for kind in KINDS {
        let records = clients::read_committed_with(secrets.reader(), &place.topic(kind));
        all.extend(
            records
                .into_iter()
                .map(|record| String::from_utf8(record.value).expect("UTF-8")),
        );
    }
    all.sort_unstable();
    all
}

pub fn right_and_wrong() {
    let secrets = Secrets::new();
    let brokers = Broker::start_cluster(&[&secrets]).expect("a broker");
    let mut place = Place::exactly_once(&brokers[0], "secured");
    let hosts = recording::hosts(2);
    let expected = recording::expected(&hosts, place.folder.path());
    feed(&place, hosts, None).join().expect("fed");
    place.servers = secrets.servers();
    place.environment = vec![("TEST_KAFKA_USER", USER.to_owned())];
    with_right_ones(&secrets, &mut place, &expected);
    with_wrong_ones(&secrets, &place);
}

/// All is logged that can be, also what the client says of its settings, of SASL and of each request.
fn with_right_ones(secrets: &Secrets, place: &mut Place, expected: &Documents) {
    let properties = secrets.properties("ca", "password");
    let debug = "\"debug\" = \"conf,security,broker,protocol,feature\"\n";
    place.arguments = vec!["--log-level", "trace"];
    let daemon = place.start("right", &format!("{properties}{debug}"));
    wait_for("all outputs", || {
        (committed(secrets, place).len() >= expected.len()).then_some(())
    });
    let mut wanted: Vec<&String> = expected.values().collect();
    wanted.sort_unstable();
    let came = committed(secrets, place);
    assert!(came.iter().eq(wanted), "what replay prints, once each");
    println!(
        "  {} documents over SASL_SSL, 0 lost, 0 twice, 0 different",
        came.len()
    );
    for page in ["/metrics", "/", "/readyz", "/livez"] {
        let (_, text) = daemon.get(page).expect("an answer");
        secrets.are_not_in(page, &text);
    }
    let (status, printed, said) = place.check_config_of(&place.folder.path().join("right.toml"));
    assert!(status.success(), "{said}");
    assert!(printed.contains("\"sasl.password\" = \"…\""), "{printed}");
    secrets.are_not_in("check-config", &format!("{printed}{said}"));
    let log = daemon.whole_log();
    daemon.stop_well();
    assert!(
        log.contains("SCRAM-SHA-512"),
        "the client's own lines are there"
    );
    secrets.are_not_in("the log", &log);
    place.arguments = vec!["--log-level", "debug"];
}

fn with_wrong_ones(secrets: &Secrets, place: &Place) {
    let not_let_in = "do not let this client in";
    let plain = "[kafka.properties]\n".to_owned();
    let by_name = place.servers.replace("127.0.0.1", "localhost");
    let cases: [(&str, &str, String, &[&str]); 4] = [
        (
            "wrong-password",
            &place.servers,
            secrets.properties("ca", "wrong"),
            &[not_let_in, "invalid credentials", "sasl.password"],
        ),
        (
            "unknown-authority",
            &place.servers,
            secrets.properties("stranger", "password"),
            &[not_let_in, "certificate", "ssl.ca.location"],
        ),
        (
            "another-name",
            &by_name,
            secrets.properties("ca", "password"),
            &[
                not_let_in,
                "certificate",
                "names in the brokers' certificates",
            ],
        ),
        ("plain", &place.servers, plain, &["security.protocol"]),
    ];
    for (name, servers, properties, words) in cases {
        let config = place.config(&properties).replace(&place.servers, servers);
        let mut daemon = place.start_with(name, &config);
        let file: PathBuf = place.folder.path().join(format!("{name}.toml"));
        let (status, printed, said) = place.check_config_of(Path::new(&file));
        assert_eq!(status.code(), Some(78), "{name}: {said}");
        // Brokers that only do not answer are waited for.
        if words.contains(&not_let_in) {
            assert_eq!(daemon.wait().code(), Some(1), "{name}");
        }
        let log = wait_for("a word of why", || {
            let log = daemon.whole_log();
            words.iter().all(|word| log.contains(word)).then_some(log)
        });
        for word in words {
            assert!(said.contains(word), "{name}: {word} is not told:\n{said}");
        }
        secrets.are_not_in(name, &format!("{printed}{said}{log}"));
    }
}
