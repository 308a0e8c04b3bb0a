//! The two questions that `ort`'s safe interface does not put to ONNX Runtime: which version it is, and which execution
//! provider was given which node. This is the only unsafe code of the workspace.

#![expect(
    unsafe_code,
    reason = "ort has no safe wrapper for EpDevice_EpMetadata and Session_GetEpGraphAssignmentInfo"
)]

use ort::AsPointer;
use ort::environment::Environment;
use ort::session::Session;
use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::ptr;

/// The version of the loaded library, for example `1.31.1`, as its CPU execution provider states it.
pub(super) fn version(environment: &Environment) -> Option<String> {
    let device =
        environment.devices().find(|device| matches!(device.ep(), Ok("CPUExecutionProvider")))?;
    // SAFETY: `device` points to an OrtEpDevice that lives as long as the borrowed environment. Both functions are in
    // every library that `ort` accepts (API 24), only read, and return null or pointers owned by the device.
    unsafe {
        let metadata = (ort::api().EpDevice_EpMetadata)(device.ptr());
        if metadata.is_null() {
            return None;
        }
        text((ort::api().GetKeyValue)(metadata, c"version".as_ptr()))
    }
}

/// How many nodes of the graph each execution provider was given. The session must have been opened with the entry
/// `session.record_ep_graph_assignment_info`.
pub(super) fn nodes_by_provider(session: &Session) -> ort::Result<BTreeMap<String, usize>> {
    let api = ort::api();
    let mut subgraphs = ptr::null();
    let mut count = 0;
    let mut nodes = BTreeMap::new();
    // SAFETY: `session` is a live OrtSession. On success the runtime has written an array of `count` subgraphs that the
    // session owns, each of which stays valid while `session` is borrowed; a failure is returned before it is read.
    unsafe {
        let status = (api.Session_GetEpGraphAssignmentInfo)(
            session.ptr(),
            &raw mut subgraphs,
            &raw mut count,
        );
        ort::Error::result_from_status(status)?;
        for index in 0..count {
            let subgraph = *subgraphs.add(index);
            let mut name = ptr::null();
            ort::Error::result_from_status((api.EpAssignedSubgraph_GetEpName)(
                subgraph,
                &raw mut name,
            ))?;
            let (mut members, mut size) = (ptr::null(), 0);
            let status =
                (api.EpAssignedSubgraph_GetNodes)(subgraph, &raw mut members, &raw mut size);
            ort::Error::result_from_status(status)?;
            *nodes.entry(text(name).unwrap_or_default()).or_default() += size;
        }
    }
    Ok(nodes)
}

/// Copies a C string.
///
/// # Safety
/// `pointer` must be null or point to a string that ends with a zero byte.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: not null, and the caller vouches for the rest.
    Some(unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}
