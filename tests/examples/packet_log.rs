// SPDX-License-Identifier: BSD-2-Clause
//
// A packet log, as a plugin in Rust without crates: what each worker was given, as tab-separated
// lines.
//
//   rustc --edition 2021 -O --crate-type cdylib -o packet_log_rs.so packet_log.rs
//   flow-balancer run -r trace.pcap -w 4 --inspector ./packet_log_rs.so:DIR
//
// DIR/worker-K.tsv, a line a packet:
//   frame flow flow_seq dir src src_port dst dst_port proto payload_len flags
// DIR/flows-K.tsv, a line when a flow ends; packets and bytes of payload as this process saw them:
//   frame flow reason src src_port dst dst_port proto packets bytes
//
// src is the sender of the flow's first packet; dir is 1 where a packet goes the other way.
//
// Structs of the interface are repeated in `abi`, in the layout of version 1.0, which later minor
// versions only add to. The worker is written in C: no panic may leave a function that it calls.
// Here each of them is a call of guarded().

use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::fmt::{self, Write as _};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::FileExt;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::ptr;

/// flow.h and inspector.h.
mod abi {
    use std::ffi::{c_char, c_int, c_void};

    pub const MAJOR: u32 = 1;
    pub const MINOR: u32 = 0;
    pub const OUTPUT_FAILED: c_int = 1;
    pub const STATE_FLAT: u32 = 1;
    pub const NEEDS_FILES: u32 = 1;
    pub const LAYER_MAC: u8 = 1;
    pub const LAYER_IP4: u8 = 2;
    pub const LAYER_IP6: u8 = 3;
    pub const ERROR: c_int = 0;
    pub const WARNING: c_int = 1;
    pub const INFO: c_int = 2;
    /// By their bits.
    pub const FLAGS: [&str; 11] = [
        "start",
        "gap",
        "redelivered",
        "mid-stream",
        "fragment",
        "truncated",
        "tunnel",
        "malformed",
        "end",
        "skip",
        "icmp-error",
    ];
    pub const REASONS: [&str; 8] = [
        "closed",
        "timed_out",
        "evicted",
        "reused",
        "verdict",
        "shutdown",
        "worker_lost",
        "orphaned",
    ];

    #[repr(C)]
    pub struct Flow {
        pub id: u64,
        pub first_ns: u64,
        pub src: [u8; 16],
        pub dst: [u8; 16],
        pub src_port: u16,
        pub dst_port: u16,
        pub proto: u8,
        pub layer: u8,
        pub vlan: [u16; 2],
        pub tunnel: u8,
        pub interface: u8,
        pub tunnel_id: u32,
    }

    #[repr(C)]
    pub struct Packet {
        pub time_ns: u64,
        pub frame: u64,
        pub data: *const u8,
        pub flow: *const Flow,
        pub caplen: u32,
        pub wirelen: u32,
        pub flow_seq: u32,
        pub link_type: i32,
        pub gap: u32,
        pub deaths: u16,
        pub l3_off: u16,
        pub l4_off: u16,
        pub payload_off: u16,
        pub flags: u16,
        pub proto: u8,
        pub dir: u8,
        pub payload_len: u32,
        pub reserved: u32,
    }

    #[repr(C)]
    pub struct FlowEnd {
        pub flow: *const Flow,
        pub time_ns: u64,
        pub frame: u64,
        pub reason: u32,
        pub flags: u32,
    }

    #[repr(C)]
    pub struct Host {
        pub major: u32,
        pub minor: u32,
        pub log: unsafe extern "C" fn(*const Host, c_int, *const c_char, ...),
    }

    #[repr(C)]
    pub struct Setup {
        pub args: *const c_char,
        pub host: *const Host,
        pub self_: *mut c_void,
        pub state_bytes: usize,
        pub state_kind: u32,
        pub state_version: u32,
        pub needs: u32,
        pub tick_ms: u32,
        pub stats: *const *const c_char,
    }

    #[repr(C)]
    pub struct Instance {
        pub name: *const c_char,
        pub worker: u32,
        pub interfaces: u32,
        pub incarnation: u64,
        pub interface_names: *const *const c_char,
    }

    #[repr(C)]
    pub struct Inspector {
        pub major: u32,
        pub minor: u32,
        pub size: u32,
        pub reserved: u32,
        pub name: *const c_char,
        pub version: *const c_char,
        pub help: *const c_char,
        pub open: Option<unsafe extern "C" fn(*mut Setup) -> c_int>,
        pub claimed: Option<unsafe extern "C" fn(*mut c_void, *const Instance) -> c_int>,
        pub flow_start:
            Option<unsafe extern "C" fn(*mut c_void, *mut c_void, *const Packet) -> c_int>,
        pub packet: Option<unsafe extern "C" fn(*mut c_void, *mut c_void, *const Packet) -> c_int>,
        pub flow_end:
            Option<unsafe extern "C" fn(*mut c_void, *mut c_void, *const FlowEnd) -> c_int>,
        pub tick: Option<unsafe extern "C" fn(*mut c_void, u64) -> c_int>,
        pub reload: Option<unsafe extern "C" fn(*mut c_void) -> c_int>,
        pub stats: Option<unsafe extern "C" fn(*mut c_void, *mut u64)>,
        pub close: Option<unsafe extern "C" fn(*mut c_void)>,
    }
    unsafe impl Sync for Inspector {} // it is only read

    const _: () = assert!(std::mem::size_of::<Flow>() == 64);
    const _: () = assert!(std::mem::size_of::<Packet>() == 72);
    const _: () = assert!(std::mem::size_of::<FlowEnd>() == 32);
}

// ---- what the worker calls, and how it is answered ----------------------------------------------

/// Why a call did not do what it was to do.
enum Failure {
    /// The worker makes the same call again.
    Output,
    /// The worker ends, after this line.
    Error(i32, String),
}

impl Failure {
    fn of(error: &io::Error, what: fmt::Arguments) -> Failure {
        const EIO: i32 = 5;
        Failure::Error(error.raw_os_error().unwrap_or(EIO), format!("{what}: {error}"))
    }
}

/// The worker's log; as long as the process.
#[derive(Clone, Copy)]
struct Host(*const abi::Host);

impl Host {
    fn log(self, level: c_int, text: &str) {
        let line = CString::new(text.replace('\0', " ")).unwrap_or_default();
        unsafe { ((*self.0).log)(self.0, level, c"%s".as_ptr(), line.as_ptr()) }
    }
}

/// Calls what may fail or panic, and says in C how it went.
fn guarded(host: Host, call: impl FnOnce() -> Result<(), Failure>) -> c_int {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => 0,
        Ok(Err(Failure::Output)) => abi::OUTPUT_FAILED,
        Ok(Err(Failure::Error(errno, line))) => {
            host.log(abi::ERROR, &line);
            -errno
        }
        Err(_) => {
            const EIO: c_int = 5;
            host.log(abi::ERROR, "panicked: where is in the line on standard error");
            -EIO
        }
    }
}

// ---- files --------------------------------------------------------------------------------------

/// A file of lines that only grows. A line is written with one write(), without a buffer: it has
/// left the process when the packet is finished.
struct Lines {
    path: PathBuf,
    file: File,
    size: u64, // of its whole lines
    waits: bool,
}

impl Lines {
    fn open(path: PathBuf) -> Result<Lines, Failure> {
        let opened = OpenOptions::new().read(true).append(true).create(true).open(&path);
        let cut = opened.and_then(|file| {
            let size = whole_lines(&file)?;
            file.set_len(size)?;
            Ok((file, size))
        });
        match cut {
            Ok((file, size)) => Ok(Lines { path, file, size, waits: false }),
            Err(error) => Err(Failure::of(&error, format_args!("cannot open {}", path.display()))),
        }
    }

    /// A full disk is not the packet's fault. Nothing is left of a line that could not be written.
    fn write(&mut self, line: &str, host: Host) -> Result<(), Failure> {
        let why = match self.file.write(line.as_bytes()) {
            Ok(n) if n == line.len() => {
                self.size += n as u64;
                if std::mem::take(&mut self.waits) {
                    let path = self.path.display();
                    host.log(abi::INFO, &format!("{path} can be written again"));
                }
                return Ok(());
            }
            Ok(_) => "no room for a whole line".to_string(),
            Err(error) => error.to_string(),
        };
        let path = self.path.display();
        if !std::mem::replace(&mut self.waits, true) {
            let text = format!("cannot write {path}: {why}: waiting until it can");
            host.log(abi::ERROR, &text);
        }
        match self.file.set_len(self.size) {
            Ok(()) => Err(Failure::Output),
            Err(error) => Err(Failure::of(&error, format_args!("cannot cut {path}"))),
        }
    }
}

/// How long it is without the part of a line that a killed process left.
fn whole_lines(file: &File) -> io::Result<u64> {
    const LINE_BYTES: u64 = 512; // more than the longest line
    let size = file.metadata()?.len();
    let n = size.min(LINE_BYTES);
    let mut tail = vec![0; n as usize];
    file.read_exact_at(&mut tail, size - n)?;
    match tail.iter().rposition(|&byte| byte == b'\n') {
        Some(newline) => Ok(size - n + newline as u64 + 1),
        None if n < LINE_BYTES => Ok(0),
        None => Err(io::Error::new(io::ErrorKind::InvalidData, "not a file of lines")),
    }
}

// ---- lines --------------------------------------------------------------------------------------

struct Address<'a>(u8, &'a [u8; 16]);

impl fmt::Display for Address<'_> {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let Address(layer, a) = *self;
        match layer {
            abi::LAYER_IP4 => write!(out, "{}", Ipv4Addr::new(a[0], a[1], a[2], a[3])),
            abi::LAYER_IP6 => write!(out, "{}", Ipv6Addr::from(*a)),
            abi::LAYER_MAC => write!(
                out,
                "{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}",
                a[0], a[1], a[2], a[3], a[4], a[5]
            ),
            _ => out.write_str("-"),
        }
    }
}

/// "SRC SRC_PORT DST DST_PORT" with tabs between.
struct Ends<'a>(&'a abi::Flow);

impl fmt::Display for Ends<'_> {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let flow = self.0;
        let (src, dst) = (Address(flow.layer, &flow.src), Address(flow.layer, &flow.dst));
        write!(out, "{src}\t{}\t{dst}\t{}", flow.src_port, flow.dst_port)
    }
}

/// "start,gap", or "-".
struct Flags(u16);

impl fmt::Display for Flags {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let mut separator = "";
        for (bit, name) in abi::FLAGS.iter().enumerate() {
            if self.0 >> bit & 1 != 0 {
                write!(out, "{separator}{name}")?;
                separator = ",";
            }
        }
        if separator.is_empty() { out.write_str("-") } else { Ok(()) }
    }
}

// ---- the log ------------------------------------------------------------------------------------

/// What is kept for each flow: zeroed by the worker, so that all zero must be a valid value.
#[repr(C)]
struct FlowState {
    packets: u64,
    bytes: u64,
}

struct Files {
    packets: Lines,
    ends: Lines,
}

struct PacketLog {
    host: Host,
    directory: PathBuf,
    worker: u32,
    files: Option<Files>, // once the number is claimed
    line: String,         // kept, so that a line needs no allocation
    packets: u64,
    payload_bytes: u64,
    flows_ended: u64,
    gaps: u64,
    gaps_told: u64,
}

struct StatNames([*const c_char; 4]);
unsafe impl Sync for StatNames {} // they are only read
static STAT_NAMES: StatNames = StatNames([
    c"packets".as_ptr(),
    c"payload_bytes".as_ptr(),
    c"flows_ended".as_ptr(),
    ptr::null(),
]);

impl PacketLog {
    fn new(host: Host, directory: &Path) -> Result<PacketLog, Failure> {
        // What can fail fails here, before packets wait for this worker.
        if let Err(error) = DirBuilder::new().recursive(true).create(directory) {
            return Err(Failure::of(&error, format_args!("cannot make {}", directory.display())));
        }
        Ok(PacketLog {
            host,
            directory: directory.to_path_buf(),
            worker: 0,
            files: None,
            line: String::new(),
            packets: 0,
            payload_bytes: 0,
            flows_ended: 0,
            gaps: 0,
            gaps_told: 0,
        })
    }

    /// Both are open before either takes the place of what was open: a reload that fails changes
    /// nothing.
    fn open_files(&mut self) -> Result<(), Failure> {
        let path = |name| self.directory.join(format!("{name}-{}.tsv", self.worker));
        let files = Files { packets: Lines::open(path("worker"))?, ends: Lines::open(path("flows"))? };
        self.files = Some(files);
        Ok(())
    }

    fn packet(&mut self, state: &mut FlowState, packet: &abi::Packet) -> Result<(), Failure> {
        let Some(files) = &mut self.files else { return Ok(()) };
        let flow = unsafe { &*packet.flow };
        self.line.clear();
        let _ = writeln!(
            self.line,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
            packet.frame,
            flow.id,
            packet.flow_seq,
            packet.dir,
            Ends(flow),
            packet.proto,
            packet.payload_len,
            Flags(packet.flags)
        );
        // If that fails nothing has changed yet: the call is made again.
        files.packets.write(&self.line, self.host)?;
        state.packets += 1;
        state.bytes += u64::from(packet.payload_len);
        self.packets += 1;
        self.payload_bytes += u64::from(packet.payload_len);
        self.gaps += u64::from(packet.gap);
        Ok(())
    }

    fn flow_end(&mut self, state: &FlowState, end: &abi::FlowEnd) -> Result<(), Failure> {
        let Some(files) = &mut self.files else { return Ok(()) };
        let flow = unsafe { &*end.flow };
        // A later version may know more reasons than this file.
        let reason = abi::REASONS.get(end.reason as usize).unwrap_or(&"?");
        self.line.clear();
        let _ = writeln!(
            self.line,
            "{}\t{}\t{reason}\t{}\t{}\t{}\t{}",
            end.frame,
            flow.id,
            Ends(flow),
            flow.proto,
            state.packets,
            state.bytes
        );
        files.ends.write(&self.line, self.host)?;
        self.flows_ended += 1;
        Ok(())
    }

    fn tick(&mut self) {
        let lost = self.gaps - std::mem::replace(&mut self.gaps_told, self.gaps);
        if lost != 0 {
            let text = format!("{lost} packets of these flows were lost in the last 10 s");
            self.host.log(abi::WARNING, &text);
        }
    }
}

// ---- the functions of the plugin ----------------------------------------------------------------
//
// What the worker hands out is valid until the function returns, `self_` until close(), and it calls
// from one thread: so each pointer may be a reference for as long as its function runs.

unsafe extern "C" fn log_open(setup: *mut abi::Setup) -> c_int {
    let setup = &mut *setup;
    let host = Host(setup.host);
    guarded(host, || {
        const EINVAL: i32 = 22;
        let args = if setup.args.is_null() { c"" } else { CStr::from_ptr(setup.args) };
        let directory = args.to_string_lossy();
        if directory.is_empty() {
            let line = "the directory is missing: write packet_log_rs.so:DIR".to_string();
            return Err(Failure::Error(EINVAL, line));
        }
        let log = PacketLog::new(host, Path::new(&*directory))?;
        setup.state_bytes = std::mem::size_of::<FlowState>();
        setup.state_kind = abi::STATE_FLAT;
        setup.state_version = 1;
        setup.needs = abi::NEEDS_FILES;
        setup.tick_ms = 10000;
        setup.stats = STAT_NAMES.0.as_ptr();
        setup.self_ = Box::into_raw(Box::new(log)).cast();
        Ok(())
    })
}

unsafe extern "C" fn log_claimed(self_: *mut c_void, instance: *const abi::Instance) -> c_int {
    let log = &mut *self_.cast::<PacketLog>();
    log.worker = (*instance).worker;
    guarded(log.host, || log.open_files())
}

unsafe extern "C" fn log_packet(
    self_: *mut c_void,
    state: *mut c_void,
    packet: *const abi::Packet,
) -> c_int {
    let log = &mut *self_.cast::<PacketLog>();
    guarded(log.host, || log.packet(&mut *state.cast::<FlowState>(), &*packet))
}

unsafe extern "C" fn log_flow_end(
    self_: *mut c_void,
    state: *mut c_void,
    end: *const abi::FlowEnd,
) -> c_int {
    let log = &mut *self_.cast::<PacketLog>();
    guarded(log.host, || log.flow_end(&*state.cast::<FlowState>(), &*end))
}

unsafe extern "C" fn log_tick(self_: *mut c_void, _now_ns: u64) -> c_int {
    let log = &mut *self_.cast::<PacketLog>();
    guarded(log.host, || {
        log.tick();
        Ok(())
    })
}

/// After a rotation: mv DIR/worker-K.tsv elsewhere, then flow-balancer reload, or SIGHUP.
unsafe extern "C" fn log_reload(self_: *mut c_void) -> c_int {
    let log = &mut *self_.cast::<PacketLog>();
    guarded(log.host, || log.open_files())
}

unsafe extern "C" fn log_stats(self_: *mut c_void, values: *mut u64) {
    let log = &*self_.cast::<PacketLog>();
    let counters = [log.packets, log.payload_bytes, log.flows_ended]; // as STAT_NAMES
    ptr::copy_nonoverlapping(counters.as_ptr(), values, counters.len());
}

unsafe extern "C" fn log_close(self_: *mut c_void) {
    drop(Box::from_raw(self_.cast::<PacketLog>()));
}

#[no_mangle]
#[allow(non_upper_case_globals)]
pub static fb_plugin: abi::Inspector = abi::Inspector {
    major: abi::MAJOR,
    minor: abi::MINOR,
    size: std::mem::size_of::<abi::Inspector>() as u32,
    reserved: 0,
    name: c"packet_log_rs".as_ptr(),
    version: c"1".as_ptr(),
    help: c"packet_log_rs.so:DIR: a line a packet in DIR/worker-K.tsv, a line a flow in flows-K.tsv"
        .as_ptr(),
    open: Some(log_open),
    claimed: Some(log_claimed),
    flow_start: None, // the state of a flow is zero before its first packet, which is enough
    packet: Some(log_packet),
    flow_end: Some(log_flow_end),
    tick: Some(log_tick),
    reload: Some(log_reload),
    stats: Some(log_stats),
    close: Some(log_close),
};
