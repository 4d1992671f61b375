//! What the linkers of the platforms need for an addon of Node.

fn main() {
    napi_build::setup();
}
