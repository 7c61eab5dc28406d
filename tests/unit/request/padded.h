#pragma once

#include <memory>
#include <string_view>

#include "request/openai_request.h"

namespace inference::request {

/// A body with exactly the padding that is promised, filled with bytes that would be JSON if read.
class Padded {
 public:
  explicit Padded(std::string_view text)
      : data_(new char[text.size() + kBodyPadding]), size_(text.size()) {
    text.copy(data_.get(), size_);
    for (size_t i = 0; i < kBodyPadding; ++i) data_[size_ + i] = "}]\",x"[i % 5];
  }
  PaddedBody body() const { return {data_.get(), size_}; }
  std::string_view text() const { return {data_.get(), size_}; }
  bool Holds(std::string_view view) const {
    return view.data() >= data_.get() && view.data() + view.size() <= data_.get() + size_;
  }

 private:
  std::unique_ptr<char[]> data_;
  size_t size_;
};

}  // namespace inference::request
