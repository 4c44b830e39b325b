# Builds pgcli with kernels and ggml built in, from source:
#
#   brew install --HEAD ./packaging/pgcli.rb
#
# .goreleaser.yaml writes a cask for each release beside it: programs without cgo, which need no
# compiler, and the formula ggml. GoReleaser writes no formulas any more but by its deprecated brews.
class Pgcli < Formula
  desc "Runs PaliGemma 1 and 2 offline"
  homepage "https://github.com/pgcli/paligemma"
  license "Apache-2.0"
  head "https://github.com/pgcli/paligemma.git", branch: "main"

  depends_on "go" => :build

  def install
    ENV["CGO_ENABLED"] = "1"
    system "sh", "packaging/build.sh", bin/"pgcli"
    generate_completions_from_executable(bin/"pgcli", "completion", shells: [:bash, :zsh, :fish])
    (man1/"pgcli.1").write Utils.safe_popen_read(bin/"pgcli", "man")
    system "sh", "packaging/licenses.sh", "licenses.txt"
    doc.install "licenses.txt"
  end

  test do
    assert_match "pgcli", shell_output("#{bin}/pgcli version")
  end
end
