// Theory of operation. BLAKE3 hashes chunks of 1 KiB on their own and joins their chaining values in a binary tree.
// Eight chunks (or eight tree nodes) are hashed at once, one in each lane of a vector register. Input is taken in
// groups of 64 chunks, which are complete subtrees, so that nearly all nodes of the tree are vectorized, too.
#include "values_blake3.h"

#include <algorithm>
#include <cstring>

// GCC picks the best clone for the processor at load time. Other compilers build the portable one.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__)
#define INSTEP_CLONES __attribute__((target_clones("default", "avx2", "arch=skylake-avx512")))
#else
#define INSTEP_CLONES
#endif
#define INSTEP_INLINE inline __attribute__((always_inline))

namespace instep {
namespace {

using std::size_t;
using std::uint32_t;
using std::uint64_t;
using std::uint8_t;

constexpr size_t kBlock = 64;
constexpr size_t kChunk = 1024;
constexpr size_t kLanes = 8;
constexpr size_t kGroupChunks = 64;
constexpr size_t kGroup = kGroupChunks * kChunk;

enum Flag : uint32_t { kChunkStart = 1, kChunkEnd = 2, kParent = 4, kRoot = 8 };

constexpr uint32_t kInitial[8] = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                                  0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};

constexpr uint8_t kSchedule[7][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                                      {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
                                      {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1},
                                      {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
                                      {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4},
                                      {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
                                      {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13}};

using Chain = std::array<uint32_t, 8>;
using Lanes = uint32_t __attribute__((vector_size(32)));

template <typename Word>
INSTEP_INLINE void quarter(Word* v, int a, int b, int c, int d, const Word& x, const Word& y) {
  v[a] = v[a] + v[b] + x;
  v[d] ^= v[a];
  v[d] = (v[d] >> 16) | (v[d] << 16);
  v[c] = v[c] + v[d];
  v[b] ^= v[c];
  v[b] = (v[b] >> 12) | (v[b] << 20);
  v[a] = v[a] + v[b] + y;
  v[d] ^= v[a];
  v[d] = (v[d] >> 8) | (v[d] << 24);
  v[c] = v[c] + v[d];
  v[b] ^= v[c];
  v[b] = (v[b] >> 7) | (v[b] << 25);
}

// The seven rounds on one word per state cell, or on a vector of words.
template <typename Word>
INSTEP_INLINE void rounds(Word* v, const Word* m) {
#pragma GCC unroll 7
  for (int r = 0; r < 7; ++r) {
    const uint8_t* s = kSchedule[r];
    quarter(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
    quarter(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
    quarter(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
    quarter(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
    quarter(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
    quarter(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
    quarter(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
    quarter(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
  }
}

Chain compress(const Chain& chain, const uint8_t* block, uint32_t size, uint64_t counter, uint32_t flags) {
  uint32_t m[16];
  std::memcpy(m, block, kBlock);
  uint32_t v[16];
  std::copy(chain.begin(), chain.end(), v);
  std::copy(kInitial, kInitial + 4, v + 8);
  v[12] = static_cast<uint32_t>(counter);
  v[13] = static_cast<uint32_t>(counter >> 32);
  v[14] = size;
  v[15] = flags;
  rounds(v, m);
  Chain out;
  for (int i = 0; i < 8; ++i) out[i] = v[i] ^ v[i + 8];
  return out;
}

INSTEP_INLINE void broadcast(Lanes& out, uint32_t x) { out = Lanes{x, x, x, x, x, x, x, x}; }

// Rows of eight words become columns.
INSTEP_INLINE void transpose(Lanes* r) {
  Lanes a[8], b[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    a[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    a[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    b[i] = __builtin_shufflevector(a[i], a[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
    b[i + 1] = __builtin_shufflevector(a[i], a[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    b[i + 2] = __builtin_shufflevector(a[i + 1], a[i + 3], 0, 1, 8, 9, 4, 5, 12, 13);
    b[i + 3] = __builtin_shufflevector(a[i + 1], a[i + 3], 2, 3, 10, 11, 6, 7, 14, 15);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    r[i] = __builtin_shufflevector(b[i], b[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    r[i + 4] = __builtin_shufflevector(b[i], b[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

// Hashes eight runs of `blocks` whole blocks that lie `stride` bytes apart.
INSTEP_CLONES void hash_lanes(const uint8_t* bytes, size_t stride, size_t blocks, uint64_t counter, bool counting,
                              uint32_t flags, uint32_t first, uint32_t last, Chain* out) {
  Lanes h[8];
  for (int i = 0; i < 8; ++i) broadcast(h[i], kInitial[i]);
  uint32_t low[8], high[8];
  for (size_t i = 0; i < kLanes; ++i) {
    const uint64_t number = counter + (counting ? i : 0);
    low[i] = static_cast<uint32_t>(number);
    high[i] = static_cast<uint32_t>(number >> 32);
  }
  for (size_t block = 0; block < blocks; ++block) {
    Lanes m[16];
    for (size_t lane = 0; lane < kLanes; ++lane) {
      std::memcpy(&m[lane], bytes + lane * stride + block * kBlock, 32);
      std::memcpy(&m[lane + 8], bytes + lane * stride + block * kBlock + 32, 32);
    }
    transpose(m);
    transpose(m + 8);
    Lanes v[16];
    for (int i = 0; i < 8; ++i) v[i] = h[i];
    for (int i = 0; i < 4; ++i) broadcast(v[i + 8], kInitial[i]);
    std::memcpy(&v[12], low, sizeof low);
    std::memcpy(&v[13], high, sizeof high);
    broadcast(v[14], kBlock);
    broadcast(v[15], flags | (block == 0 ? first : 0) | (block + 1 == blocks ? last : 0));
    rounds(v, m);
    for (int i = 0; i < 8; ++i) h[i] = v[i] ^ v[i + 8];
  }
  transpose(h);
  std::memcpy(out, h, sizeof h);
}

// A node of the tree before it is known whether it is the root.
struct Output {
  Chain chain;
  uint8_t block[kBlock];
  uint32_t size;
  uint64_t counter;
  uint32_t flags;

  Chain value(uint32_t extra = 0) const { return compress(chain, block, size, counter, flags | extra); }
};

Chain initial_chain() {
  Chain chain;
  std::copy(kInitial, kInitial + 8, chain.begin());
  return chain;
}

Output chunk_output(const uint8_t* bytes, size_t size, uint64_t counter) {
  Output out{initial_chain(), {}, 0, counter, kChunkStart};
  while (size > kBlock) {
    out.chain = compress(out.chain, bytes, kBlock, counter, out.flags);
    out.flags = 0;
    bytes += kBlock;
    size -= kBlock;
  }
  if (size > 0) std::memcpy(out.block, bytes, size);
  out.size = static_cast<uint32_t>(size);
  out.flags |= kChunkEnd;
  return out;
}

Output parent_output(const Chain& left, const Chain& right) {
  Output out{initial_chain(), {}, kBlock, 0, kParent};
  std::memcpy(out.block, left.data(), 32);
  std::memcpy(out.block + 32, right.data(), 32);
  return out;
}

// Chaining values of `count` chunks, of which only the last may be short.
void chunk_chains(const uint8_t* bytes, size_t size, uint64_t counter, Chain* out) {
  while (size >= kLanes * kChunk) {
    hash_lanes(bytes, kChunk, kChunk / kBlock, counter, true, 0, kChunkStart, kChunkEnd, out);
    bytes += kLanes * kChunk;
    size -= kLanes * kChunk;
    counter += kLanes;
    out += kLanes;
  }
  while (size > 0) {
    const size_t step = std::min(size, kChunk);
    *out++ = chunk_output(bytes, step, counter++).value();
    bytes += step;
    size -= step;
  }
}

// Joins neighbours once; an odd one out moves up as it is. Returns how many are left.
size_t join_level(Chain* chains, size_t count) {
  const size_t pairs = count / 2;
  size_t done = 0;
  for (; done + kLanes <= pairs; done += kLanes) {
    Chain out[kLanes];
    hash_lanes(reinterpret_cast<const uint8_t*>(chains + 2 * done), kBlock, 1, 0, false, kParent, 0, 0, out);
    std::copy(out, out + kLanes, chains + done);
  }
  for (; done < pairs; ++done) chains[done] = parent_output(chains[2 * done], chains[2 * done + 1]).value();
  if (count % 2 == 1) chains[done++] = chains[count - 1];
  return done;
}

// The topmost node over the last, possibly incomplete group.
Output tail_output(const uint8_t* bytes, size_t size, uint64_t counter) {
  if (size <= kChunk) return chunk_output(bytes, size, counter);
  Chain chains[kGroupChunks];
  size_t count = (size + kChunk - 1) / kChunk;
  chunk_chains(bytes, size, counter, chains);
  while (count > 2) count = join_level(chains, count);
  return parent_output(chains[0], chains[1]);
}

}  // namespace

void Blake3::push_group(const uint8_t* bytes) {
  Chain chain = tail_output(bytes, kGroup, groups_ * kGroupChunks).value();
  ++groups_;
  for (uint64_t number = groups_; number % 2 == 0; number /= 2) {
    chain = parent_output(stack_.back(), chain).value();
    stack_.pop_back();
  }
  stack_.push_back(chain);
}

void Blake3::update(const void* data, size_t size) {
  const auto* bytes = static_cast<const uint8_t*>(data);
  if (!tail_.empty()) {
    const size_t step = std::min(size, kGroup - tail_.size());
    tail_.insert(tail_.end(), bytes, bytes + step);
    bytes += step;
    size -= step;
    if (size == 0) return;
    push_group(tail_.data());
    tail_.clear();
  }
  for (; size > kGroup; bytes += kGroup, size -= kGroup) push_group(bytes);
  tail_.assign(bytes, bytes + size);
}

std::array<uint8_t, 32> Blake3::finish() const {
  Output output = tail_output(tail_.data(), tail_.size(), groups_ * kGroupChunks);
  for (auto left = stack_.rbegin(); left != stack_.rend(); ++left) output = parent_output(*left, output.value());
  const Chain chain = output.value(kRoot);
  std::array<uint8_t, 32> hash;
  std::memcpy(hash.data(), chain.data(), hash.size());
  return hash;
}

std::string hash_text(const std::array<uint8_t, 32>& hash) {
  static const char digits[] = "0123456789abcdef";
  std::string text = "b3:";
  text.reserve(67);
  for (const uint8_t byte : hash) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

}  // namespace instep
