#include "inferencectl/invocation.h"

#include <unistd.h>

namespace inference::ctl {

void Invocation::Remark(std::string_view text) const {
  if (!args.Switch("quiet")) world.err << text << "\n";
}

void Invocation::Detail(std::string_view text) const {
  if (args.Switch("verbose")) world.err << text << "\n";
}

void Invocation::PrintDocument(const Json& document) const {
  Print(format() == "yaml" ? ToYaml(document) : ToText(document));
}

std::string Invocation::format() const {
  const OptionRow* option = FindOption(args.verb(), "output");
  const bool may_be_file = option != nullptr && option->argument.ends_with("[=FILE]");
  if (!may_be_file) return args.Text("output");
  const std::vector<std::string>& given = args.List("output");
  for (auto it = given.rbegin(); it != given.rend(); ++it) {
    if (it->find('=') == std::string::npos) return *it;
  }
  return given.empty() ? args.Text("output") : "";
}

std::string UsualServer(const Environment& environment) {
  const std::string system = "/run/inferenced/admin.sock";
  const char* runtime_dir = environment("XDG_RUNTIME_DIR");
  const bool have_own = runtime_dir != nullptr && *runtime_dir == '/';
  if (!have_own || access(system.c_str(), F_OK) == 0) return "unix://" + system;
  return "unix://" + std::string(runtime_dir) + "/inferenced/admin.sock";
}

std::string Invocation::Server() const {
  const std::string& given = args.Text("server");
  return given.empty() ? UsualServer(world.environment) : given;
}

Result<std::unique_ptr<admin::AdminClient>> Invocation::Connect() const {
  Detail("daemon: " + Server() + " (" + args.Origin("server") + ")");
  return admin::AdminClient::Connect(Server(), args.Duration("timeout"));
}

}  // namespace inference::ctl
