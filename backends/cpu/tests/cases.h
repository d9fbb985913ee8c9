// Reads a file of stored cases: named arrays, all little-endian.
//
//     file   = "QDSLVEC1", u32 cases, case*
//     case   = text operation, text name, u8 arrays, array*
//     array  = text name, u8 type, u8 dimensions, u32 size*, data
//     text   = u8 length, characters
//
// A type is 'B' uint8, 'h' int16, 'i' int32, 'l' int64 or 'f' float.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace qdsl {

static_assert(std::endian::native == std::endian::little);

struct Array {
  std::vector<int64_t> shape;
  std::vector<char> data;  // aligned for every type, and no longer than it has to be
  int64_t count = 1;            // of elements

  template <class T>
  const T* as() const {
    return reinterpret_cast<const T*>(data.data());
  }
};

struct Case {
  std::string operation, name;
  std::map<std::string, Array> arrays;

  bool has(const std::string& array) const { return arrays.contains(array); }

  const Array& operator[](const std::string& array) const {
    if (!has(array)) throw std::runtime_error(name + " has no array " + array);
    return arrays.at(array);
  }

  // What is not in the file is null.
  template <class T>
  const T* data(const std::string& array) const {
    return has(array) ? arrays.at(array).as<T>() : nullptr;
  }

  int64_t count(const std::string& array) const { return has(array) ? arrays.at(array).count : 0; }
};

class CaseReader {
 public:
  explicit CaseReader(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
    if (!file || std::string(take(8), 8) != "QDSLVEC1")
      throw std::runtime_error(path + " holds no cases");
  }

  std::vector<Case> run() {
    std::vector<Case> cases(number<uint32_t>());
    for (Case& c : cases) {
      c.operation = text();
      c.name = text();
      for (int left = number<uint8_t>(); left > 0; --left) {
        const std::string name = text();
        c.arrays[name] = array();
      }
    }
    return cases;
  }

 private:
  const char* take(size_t size) {
    if (bytes_.size() - at_ < size) throw std::runtime_error("a file of cases is truncated");
    at_ += size;
    return bytes_.data() + at_ - size;
  }

  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)), sizeof(T));
    return value;
  }

  std::string text() {
    const auto length = number<uint8_t>();
    return std::string(take(length), length);
  }

  Array array() {
    const auto type = number<uint8_t>();
    Array a;
    a.shape.resize(number<uint8_t>());
    for (int64_t& size : a.shape) a.count *= size = number<uint32_t>();
    const int64_t bytes = a.count * (type == 'B' ? 1 : type == 'h' ? 2 : type == 'l' ? 8 : 4);
    const char* from = take(bytes);
    a.data.assign(from, from + bytes);
    return a;
  }

  std::vector<char> bytes_;
  size_t at_ = 0;
};

}  // namespace qdsl
