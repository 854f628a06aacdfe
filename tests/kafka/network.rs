//! The network between daemons and brokers: each daemon reaches each broker through a relay of its own, which can
//! hold back all bytes of both directions, or cut all connections.
//!
//! Place in the flow: between daemon.rs and broker.rs. Brokers advertise the relays to who comes through one, so a
//! daemon learns of no other way. Bytes that were held back go on when the network does, as TCP sends them again,
//! even those of a daemon that is dead by then. It refuses to lose or change a byte.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use crate::broker::{Door, free_port};

/// The ways of some daemons, by number, to all brokers.
pub struct Network {
    /// Of each daemon, to each broker.
    ways: Vec<Vec<Relay>>,
}

impl Network {
    pub fn new(daemons: usize, brokers: usize) -> Network {
        let ways = |_| (0..brokers).map(|_| Relay::start()).collect();
        Network {
            ways: (0..daemons).map(ways).collect(),
        }
    }

    /// The listeners that a broker has for it.
    pub fn doors(&self, broker: usize) -> Doors {
        let ports = |ways: &Vec<Relay>| (ways[broker].to, ways[broker].port);
        Doors(self.ways.iter().map(ports).collect())
    }

    /// Where a daemon finds the cluster.
    pub fn servers(&self, daemon: usize) -> String {
        let servers = self.ways[daemon].iter();
        let servers = servers.map(|way| format!("127.0.0.1:{}", way.port));
        servers.collect::<Vec<_>>().join(",")
    }

    /// From now on no byte of a daemon arrives, and none to it. Connections stay.
    pub fn stall(&self, daemon: usize) {
        self.ways[daemon].iter().for_each(|way| way.hold(true));
    }

    pub fn go_on(&self, daemon: usize) {
        self.ways[daemon].iter().for_each(|way| way.hold(false));
    }

    /// All connections of a daemon end, in the middle of whatever they carry.
    pub fn cut(&self, daemon: usize) {
        self.ways[daemon].iter().for_each(Relay::cut);
    }
}

/// A listener of a broker for each daemon: its own port, and that of the relay before it.
pub struct Doors(Vec<(u16, u16)>);

impl Door for Doors {
    fn settings(&self, plain: &str) -> String {
        let each = |text: fn(usize, (u16, u16)) -> String| -> String {
            let all = self.0.iter().enumerate();
            all.map(|(daemon, ports)| text(daemon, *ports)).collect()
        };
        let listeners = each(|daemon, (own, _)| format!("D{daemon}://127.0.0.1:{own},"));
        let advertised = each(|daemon, (_, relay)| format!("D{daemon}://127.0.0.1:{relay},"));
        let protocols = each(|daemon, _| format!("D{daemon}:PLAINTEXT,"));
        [
            ("\nlisteners=", listeners),
            ("\nadvertised.listeners=", advertised),
            ("\nlistener.security.protocol.map=", protocols),
        ]
        .iter()
        .fold(plain.to_owned(), |settings, (key, more)| {
            settings.replace(key, &format!("{key}{more}"))
        })
    }
}

struct Relay {
    port: u16,
    to: u16,
    gate: Arc<Gate>,
}

/// Bytes go through while it is open.
#[derive(Default)]
struct Gate {
    is_held: Mutex<bool>,
    changed: Condvar,
    /// Both ends of each connection.
    ends: Mutex<Vec<TcpStream>>,
}

impl Relay {
    /// Its threads end with this program.
    fn start() -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
        let port = listener.local_addr().expect("it is bound").port();
        let (to, gate) = (free_port(), Arc::new(Gate::default()));
        let relay = Relay {
            port,
            to,
            gate: gate.clone(),
        };
        thread::spawn(move || {
            for daemon in listener.incoming().flatten() {
                // A broker that is not there: the daemon's connection ends.
                if let Ok(broker) = TcpStream::connect(("127.0.0.1", to)) {
                    gate.join(daemon, broker);
                }
            }
        });
        relay
    }

    fn hold(&self, is_held: bool) {
        *self.gate.is_held.lock().expect("nobody panicked") = is_held;
        self.gate.changed.notify_all();
    }

    fn cut(&self) {
        let mut ends = self.gate.ends.lock().expect("nobody panicked");
        for end in ends.drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

impl Gate {
    fn join(self: &Arc<Gate>, daemon: TcpStream, broker: TcpStream) {
        let again = |end: &TcpStream| end.try_clone().expect("a handle more");
        let directions = [
            (again(&daemon), again(&broker)),
            (again(&broker), again(&daemon)),
        ];
        for (from, to) in directions {
            let gate = self.clone();
            thread::spawn(move || gate.carry(from, to));
        }
        let mut ends = self.ends.lock().expect("nobody panicked");
        ends.retain(|end| end.peer_addr().is_ok());
        ends.extend([daemon, broker]);
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = [0; 16 << 10];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            self.wait_until_open();
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        self.wait_until_open();
        // An end of one end is the end of the other.
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }

    fn wait_until_open(&self) {
        let held = self.is_held.lock().expect("nobody panicked");
        let open = self.changed.wait_while(held, |is_held| *is_held);
        drop(open.expect("nobody panicked"));
    }
}
