#pragma once

#include "inferencectl/envelope.h"
#include "inferencectl/invocation.h"
#include "inferencectl/table.h"

// What lists of things have in common, whatever they are of.
namespace inference::ctl {

/// Can --output and --columns be kept? Asked before the daemon is. `all`: a table with all columns.
Status CheckListOptions(const Invocation& run, const Table& all);

/// Prints the names of the columns when `--columns help` asks for them.
bool PrintColumnNames(const Invocation& run, const Table& all);

/// Prints the list in one of the forms that are made from its document: json, yaml, jsonpath,
/// custom-columns. False when another is asked for.
/// REQUIRES: CheckListOptions was fine.
bool PrintListDocument(const Invocation& run, const Json& document);

/// Has every column when --columns is given: those that it names are kept.
bool WantsAllColumns(const Invocation& run);
/// REQUIRES: CheckListOptions was fine.
void PrintTable(const Invocation& run, Table table, bool headers);

}  // namespace inference::ctl
