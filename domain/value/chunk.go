package value

// The bounds of a chunk. They are part of the format.
const (
	minChunk = 64 << 10
	// MaxPiece is how long a piece may be.
	MaxPiece = 256 << 10
	// gearWindow is how many bytes decide about a cut: the width of the hash.
	gearWindow = 64
	// gearBits zero bits make a cut, one in 64 KiB: a chunk has 128 KiB on
	// average.
	gearBits = 16
	gearSeed = 0x6475_6f6c_6f67_0001
)

// chunk appends piece to out, cut by content where it is too long, so that an
// edit in a long text changes the chunks around it only.
func chunk(out [][]byte, piece []byte) [][]byte {
	if len(piece) > MaxPiece {
		gear := gearTable()
		for len(piece) > minChunk {
			n := chunkEnd(piece, &gear)
			out, piece = append(out, piece[:n]), piece[n:]
		}
	}
	if len(piece) > 0 {
		out = append(out, piece)
	}
	return out
}

func chunkEnd(b []byte, gear *[256]uint64) int {
	b = b[:min(len(b), MaxPiece)]
	hash := uint64(0)
	for i := minChunk - gearWindow; i < len(b); i++ {
		hash = hash<<1 + gear[b[i]]
		if i >= minChunk && hash>>(64-gearBits) == 0 {
			return i
		}
	}
	return len(b)
}

// gearTable is a random number for each byte, from splitmix64.
func gearTable() (gear [256]uint64) {
	state := uint64(gearSeed)
	for i := range gear {
		state += 0x9e3779b97f4a7c15
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		gear[i] = z ^ z>>31
	}
	return gear
}
