#pragma once

namespace inference::base {

/// Opens those of standard input, output and error that are closed, so that no socket and no file
/// gets their numbers, and then what is printed. Reading finds the end; output fails as on a full
/// disk; errors go nowhere. For the begin of a program, before anything is opened.
void KeepStandardStreams();

}  // namespace inference::base
