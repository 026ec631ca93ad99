#!/bin/sh
# Makes the small files that Go has no encoder for. Needs ffmpeg with libmp3lame,
# libopus, libvorbis and libwebp. Run it by hand; its results are committed.
# The sound is one second of 440 Hz at half of full scale (-9 dBFS RMS).
set -eu
cd "$(dirname "$0")"
ff() { ffmpeg -hide_banner -loglevel error -y "$@"; }
tone="sine=frequency=440:sample_rate=44100:duration=1,volume=4"
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT

ff -f lavfi -i "color=red:size=16x16:duration=1" -frames:v 1 -flags:v +bitexact "$t/cover.png"
ff -f lavfi -i "$tone" -i "$t/cover.png" -map 0 -map 1 -c:a libmp3lame -b:a 48k -ac 1 -id3v2_version 3 \
	-metadata title="a private title" -flags:a +bitexact tone.mp3
ff -f lavfi -i "$tone" -ac 1 -ar 22050 -c:a libmp3lame -b:a 32k -id3v2_version 0 -write_xing 0 -flags:a +bitexact tone-22050.mp3
ff -f lavfi -i "$tone" -ac 1 -ar 8000 -c:a libmp3lame -b:a 8k -id3v2_version 0 -flags:a +bitexact tone-mpeg25.mp3
ff -f lavfi -i "$tone" -ac 2 -c:a libvorbis -q:a 0 -flags:a +bitexact -fflags +bitexact tone-vorbis.ogg
ff -f lavfi -i "$tone" -ac 1 -c:a libopus -b:a 24k -flags:a +bitexact -fflags +bitexact tone-opus.ogg
ff -f lavfi -i "$tone" -ac 1 -c:a aac -b:a 32k -flags:a +bitexact tone.m4a
ff -f lavfi -i "$tone" -ac 1 -c:a aac -b:a 32k -flags:a +bitexact -f mp4 -movflags +frag_keyframe+empty_moov+default_base_moof \
	-frag_duration 200000 tone-fragments.m4a
ff -f lavfi -i "testsrc=size=64x48:duration=1:rate=5" -c:v mpeg4 -b:v 20k -flags:v +bitexact video.mp4
ff -f lavfi -i "testsrc=size=64x48:duration=1" -frames:v 1 -c:v libwebp -lossless 0 lossy.webp
ff -f lavfi -i "color=blue@0.0:size=40x30:duration=1,format=rgba" -frames:v 1 -c:v libwebp -lossless 1 clear.webp
ff -f lavfi -i "testsrc=size=64x48:duration=1" -frames:v 1 -c:v libwebp -quality 40 -vf "format=yuva420p,lut=a=0" lossy-clear.webp
