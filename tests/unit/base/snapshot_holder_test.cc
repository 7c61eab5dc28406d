#include "base/snapshot_holder.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

using inference::base::SnapshotHolder;

namespace {

// Both halves are always equal in a published value: a torn read would show.
struct Pair {
  int a, b;
};

}  // namespace

TEST_CASE("a reader sees what was published last, and keeps it until it looks again") {
  SnapshotHolder<int> holder(std::make_shared<const int>(1));
  SnapshotHolder<int>::Reader reader(holder);
  const auto first = reader.Get();
  holder.Publish(std::make_shared<const int>(2));
  CHECK(*first == 1);
  CHECK(*reader.Get() == 2);
  CHECK(*holder.Get() == 2);
}

TEST_CASE("the old value dies once nobody holds it") {
  auto value = std::make_shared<const int>(1);
  std::weak_ptr<const int> weak = value;
  SnapshotHolder<int> holder(std::move(value));
  SnapshotHolder<int>::Reader reader(holder);
  CHECK(*reader.Get() == 1);
  holder.Publish(std::make_shared<const int>(2));
  CHECK_FALSE(weak.expired());
  CHECK(*reader.Get() == 2);
  CHECK(weak.expired());
}

TEST_CASE("readers never go back and never see half a value while a writer publishes") {
  SnapshotHolder<Pair> holder(std::make_shared<const Pair>(Pair{0, 0}));
  std::atomic<bool> stop{false}, wrong{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      SnapshotHolder<Pair>::Reader reader(holder);
      int last = 0;
      while (!stop) {
        const auto& value = reader.Get();
        if (value->a != value->b || value->a < last) wrong = true;
        last = value->a;
      }
    });
  }
  for (int i = 1; i <= 20000; ++i) holder.Publish(std::make_shared<const Pair>(Pair{i, i}));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  CHECK_FALSE(wrong);
}
