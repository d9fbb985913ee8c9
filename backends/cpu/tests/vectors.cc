// Holds every instruction set of this processor to results that another one stored:
//     vectors [--grid] FILE...
// repacks the weights of each case and compares what each instruction set makes of its inputs: bit
// for bit (any NaN being like another), or within the bounds that the case gives; --grid compares them
// with each other on random weights. Prints what runs, the first difference of each comparison and how many comparisons there were; fails on any.
#include <cstdio>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include "cases.h"
#include "check.h"
#include "grid.h"
#include "isa.h"

namespace qdsl {
namespace {

using Run = void (*)(const Case&, Isa, Tally&);

const std::map<std::string, Run> kRuns = {{"linear", run_linear},
                                          {"lstm", run_lstm},
                                          {"gru", run_gru},
                                          {"embedding", run_embedding},
                                          {"integer", run_integer},
                                          {"matmul", run_matmul},
                                          {"round", run_round}};

int main(const std::vector<std::string>& paths) {
  std::printf("runs %s, by default %s\n", [] {
    std::string names;
    for (Isa isa : kIsas)
      if (supported(isa)) names += std::string(names.empty() ? "" : " ") + name(isa);
    return names;
  }().c_str(), name(default_isa()));
  Tally tally;
  for (const std::string& path : paths) {
    if (path == "--grid") {
      run_grid(tally);
      continue;
    }
    for (const Case& c : CaseReader(path).run())
      for (Isa isa : kIsas)
        if (supported(isa)) kRuns.at(c.operation)(c, isa, tally);
  }
  std::printf("%lld comparisons, %lld failures\n", static_cast<long long>(tally.comparisons),
              static_cast<long long>(tally.failures));
  return tally.failures != 0;
}

}  // namespace
}  // namespace qdsl

int main(int count, char** arguments) {
  try {
    return qdsl::main({arguments + 1, arguments + count});
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 2;
  }
}
