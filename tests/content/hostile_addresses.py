"""Addresses that no learner's browser may be sent to, in every notation that browsers read, and good ones.

The lists follow the URL standard's own tests (web-platform-tests, url/), OWASP's cheat sheet on server-side request
forgery, and what is known of parsers that read one address in two ways.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address

# One address of each kind of network that is not public, by IANA's registries.
INNER_IPV4 = (
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.100.100.200",
    "0.0.0.0",
)
INNER_IPV6 = (
    *("::", "::1", "0:0:0:0:0:0:0:1", "0000:0000:0000:0000:0000:0000:0000:0001", "::ffff:127.0.0.1", "::ffff:7f00:1"),
    *("::ffff:8.8.8.8", "::FFFF:10.0.0.1", "::ffff:0:127.0.0.1", "::127.0.0.1", "::7f00:1", "64:ff9b::127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::8.8.8.8", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:0808:0808::1"),
    *("2002:c0a8:0101::1", "2001:0:7f00:1::1", "2001::1", "2001:db8::1", "2001:10::1", "3fff::1", "100::1", "fc00::1"),
    *("fd00:ec2::254", "fdff:ffff::1", "fe80::1", "febf::1", "fec0::1", "ff02::1", "ff0e::1", "5f00::1", "4000::1"),
    *("2a00:1450::5efe:127.0.0.1", "2a00:1450::200:5efe:10.0.0.1"),
)
SPECIAL_IPV4 = (
    *("0.0.0.1", "100.64.0.1", "100.127.255.255", "172.31.255.255", "168.63.129.16", "192.0.0.1", "192.0.0.192"),
    *("192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1"),
    *("239.255.255.255", "240.0.0.1", "255.255.255.255", "169.254.170.2"),
)
INNER_NAMES = (
    *("localhost", "LOCALHOST", "LocalHost.", "localhost..", ".localhost", "a.localhost", "a.b.LOCALHOST."),
    *("localhost.localdomain", "localhost6.localdomain6", "ip6-localhost", "ip6-loopback", "content", "postgres"),
    *("gateway", "metadata", "instance-data", "printer.local", "printer.LOCAL.", "nas.lan", "files.corp", "files.home"),
    *("files.intranet", "files.private", "files.internal", "host.docker.internal", "gateway.docker.internal"),
    *("metadata.google.internal", "METADATA.GOOGLE.INTERNAL.", "instance-data.ec2.internal", "metadata.goog"),
    *("metadata.tencentyun.com", "router.home.arpa", "1.0.0.127.in-addr.arpa", "ipv4only.arpa"),
    *("kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "vault.service.consul", "files.test"),
    *("files.invalid", "127.0.0.1.nip.io", "app.127-0-0-1.sslip.io", "10.0.0.1.xip.io", "localtest.me"),
    *("a.b.localtest.me", "lvh.me", "vcap.me", "localhost.domaincontrol.com", "7f000001.c0a80001.rbndr.us"),
    *("make-127-0-0-1-rr.1u.ms", "spoofed.localh.st"),
)
# Hosts that a browser maps to an inner host (UTS 46), and hosts that are none.
DISGUISED_HOSTS = (
    *(
        "１２７.0.0.1",
        "１２７．０．０．１",
        "127。0。0。1",
        "127｡0｡0｡1",
        "①②⑦.⓪.⓪.①",
        "𝟏𝟐𝟕.𝟎.𝟎.𝟏",
        "127.0.0.１",
        "ｌｏｃａｌｈｏｓｔ",
    ),
    *("ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "𝓵𝓸𝓬𝓪𝓵𝓱𝓸𝓼𝓽", "loca\u00adlhost", "local\u200bhost", "localhost\u3002", "a。localhost"),
    *("𝔩ocal\u200dhost", "locaℓhost", "ﬁles.ⓘnternal", "0ⓧ7f.1", "2130706433。", "%31%32%37.0.0.1"),
    *("%6c%6f%63%61%6c%68%6f%73%74", "localhost%00", "127.0.0.1%2e", "127%2e0%2e0%2e1", "%5b::1%5d"),
    *("good.example%00.localhost", "xn--", "xn--a.example", "xn--localhost-.example", "files.xn--0", "[::1]a"),
    *("a[::1]", "[127.0.0.1]", "[::1%25lo]", "[fe80::1%eth0]", "[fe80::1%25eth0]", "[2a00:1450:4001::1%25eth0]"),
    *("[::1", "::1", "[]", "[:]", "[v1.a]", "-files.example", "files-.example", "files..example", ".files.example"),
    *("files.example..", "a" * 64 + ".example", ("a" * 60 + ".") * 5 + "example", "files,example.com"),
    *("files!example.com", "files*.example", "files.exa'mple", "files.exa(mple)", "files.exam|ple", "files.exam^ple"),
    *("files.exam<ple>", "files.exam`ple", "files.exam{ple}", 'files.exam"ple', "~", "1.2.3.4.5", "999.999.999.999"),
    *("256.1.1.1", "8.8.8", "8.8.8.", "8.8.8.08", "files.example.0x", "files.1"),
)
WRITTEN_OTHERWISE = (
    *("javascript:alert(1)", "JavaScript:alert(1)", "javascript://files.example/%0aalert(1)", "java\tscript:alert(1)"),
    *("data:text/html,<script>alert(1)</script>", "data:application/pdf;base64,JVBERi0=", "vbscript:msgbox(1)"),
    *("file:///etc/passwd", "file://files.example/share", "ftp://files.example/a.pdf"),
    *("gopher://127.0.0.1:11211/_stats", "dict://127.0.0.1:11211/stats", "ldap://files.example/"),
    *("ws://files.example/", "blob:https://files.example/1", "view-source:https://files.example/", "about:blank"),
    *("jar:https://files.example/a.jar!/b", "intent://files.example/#Intent;end", "mailto:ada@files.example"),
    *("feed:https://files.example/", "httpx://files.example/", "shttp://files.example/", "https", "https:", "https:/"),
    *("https://", "https:///", "https:///files.example/a.pdf", "https:////files.example/a.pdf"),
    *("https:files.example/a.pdf", "https:/files.example/a.pdf", "https:\\\\files.example\\a.pdf"),
    *("https:/\\files.example/a.pdf", "https://\\files.example/a.pdf", "\\\\files.example\\a.pdf"),
    *("//files.example/a.pdf", "/a.pdf", "a.pdf", "files.example/a.pdf", "https//files.example"),
    *("https;//files.example", "https://?a", "https://#a", "https://:443/", "https://files.example:0/"),
    *("https://files.example:00000/", "https://files.example:65536/", "https://files.example:99999/"),
    *("https://files.example:443a/", "https://files.example:-1/", "https://files.example:+443/"),
    *("https://files.example:4 43/", "https://files.example:４４３/", "https://files.example:443:443/"),
    *("https://files.example:0443443/", "https://ada@files.example/", "https://ada:secret@files.example/"),
    *("https://:secret@files.example/", "https://@files.example/", "https://:@files.example/"),
    *("https://good.example@127.0.0.1/", "https://good.example:443@evil.example/"),
    *("https://good.example%2f@evil.example/", "https://a@b@files.example/", "https://good.example\\@evil.example/"),
    *("https://good.example\\.evil.example/", "https://evil.example\\?good.example"),
    *(
        "https://127.0.0.1\\.good.example/",
        "https://good.example＠evil.example/",
        "https://evil.example／good.example/",
    ),
    *(
        "https://evil.example？good.example/",
        "https://evil.example＃good.example/",
        "https://evil.example℀good.example/",
    ),
    *("https://files.example/a b.pdf", "https://files.example/a\tb.pdf", "https://files.example/a\nb.pdf"),
    *("https://files.example/a\r\nLocation: https://evil.example", "https://files.example/a\x00b.pdf"),
    *("https://files.example/a\x7fb.pdf", "https://files.example/a\x85b.pdf", "https://files.example/a\u2028b.pdf"),
    *("https://files.example/a\u00a0b.pdf", "https://files.example/a\u3000b.pdf"),
    *("https://files.example/fdp.\u202epdf.exe", "https://files.example/a\u200b.pdf"),
    *("https://files.example/a\ufeff.pdf", "https://files.example/..\\..\\a.pdf", "ht\ttps://files.example/a.pdf"),
    *("ht\ntps://files.example/a.pdf", "https:\n//files.example/a.pdf", "https:/\t/127.0.0.1/", "https://127.0.\t0.1/"),
    *("https://local\nhost/", "https://local\rhost/", "https://files.example\t/", "https://files .example/"),
    *("\x01https://127.0.0.1/", "https://\x7f127.0.0.1/"),
)


def _notations(address: str) -> Iterator[str]:
    """Yield every notation of an IPv4 address that a browser reads (URL standard, IPv4 parser), and a final dot."""
    a, b, c, d = address.split(".")
    number = int(IPv4Address(address))
    last_two, last_three = int(c) * 256 + int(d), int(b) * 65536 + int(c) * 256 + int(d)
    yield address
    yield f"{address}."
    yield f"{number}"
    yield f"{number}."
    yield f"0x{number:x}"
    yield f"0X{number:08X}"
    yield f"0{number:o}"
    yield f"{a}.{last_three}"
    yield f"{a}.{b}.{last_two}"
    yield f"0x{int(a):x}.0x{int(b):x}.0x{int(c):x}.0x{int(d):x}"
    yield f"0x{int(a):x}.{last_three}"
    yield f"0{int(a):o}.0{int(b):o}.0{int(c):o}.0{int(d):o}"
    yield f"000{int(a):o}.{b}.{c}.{d}"
    yield f"0{int(a):o}.0x{int(b):x}.{last_two}"


def _hosts() -> Iterator[str]:
    for address in INNER_IPV4:
        yield from _notations(address)
    yield from (f"[{address}]" for address in INNER_IPV6)
    yield from SPECIAL_IPV4
    yield from INNER_NAMES
    yield from DISGUISED_HOSTS


HOSTILE_HOSTS = tuple(dict.fromkeys(_hosts()))
HOSTILE_ADDRESSES = (*(f"http://{host}/a.pdf" for host in HOSTILE_HOSTS), *WRITTEN_OTHERWISE)

# Addresses of developers, which the local profile accepts.
LOCAL_ADDRESSES = (
    "http://localhost:9000/a.pdf",
    "http://127.0.0.1:9000/a.pdf",
    "http://[::1]:9000/a.pdf",
    "http://minio:9000/files/a.pdf",
    "http://192.168.1.10/a.pdf",
    "http://host.docker.internal/a.pdf",
    "https://files.test/a.pdf",
)
GOOD_ADDRESSES = (
    *("https://files.example/a.pdf", "http://files.example/a.pdf", "HTTPS://FILES.EXAMPLE/A.PDF"),
    *("https://files.example", "https://files.example/", "https://files.example.", "https://files.example./a.pdf"),
    *("https://files.example:8443/a.pdf", "https://files.example:1/a.pdf", "https://files.example:65535/a.pdf"),
    *("https://files.example:/a.pdf", "https://files.example?name=a.pdf", "https://files.example#a"),
    *("https://files.example/a%20b.pdf", "https://files.example/a%5Cb.pdf", "https://files.example/@ada/a.pdf"),
    *("https://files.example/a.pdf?by=ada@files.example", "https://files.example/a.pdf#@127.0.0.1"),
    *("https://files.example/localhost/127.0.0.1/a.pdf", "https://files.example/?next=http://127.0.0.1/"),
    *("https://files.example/für.pdf", "https://files.example/資料.pdf", "https://files.example/a;b=c,d.pdf"),
    *("https://files.example/a/../b.pdf", "https://files.example/" + "a" * 2000),
    "https://my_bucket.s3.eu-central-1.amazonaws.com/a.pdf?X-Amz-Signature=0f",
    *("https://storage.googleapis.com/bucket/a.pdf", "https://a--b.example/a.pdf", "https://1.files.example/a.pdf"),
    *("https://1files.example/a.pdf", "https://127.0.0.1.files.example/a.pdf", "https://localhost.files.example/a.pdf"),
    *("https://internal.files.example/a.pdf", "https://notlocalhost.example/a.pdf", "https://mylvh.me/a.pdf"),
    *("https://0x7f.example/a.pdf", "https://bücher.example/a.pdf", "https://xn--bcher-kva.example/a.pdf"),
    *("https://例え.example/a.pdf", "https://files。example/a.pdf", "https://ｆｉｌｅｓ.example/a.pdf"),
    *("https://8.8.8.8/a.pdf", "https://8.8.8.8./a.pdf", "https://93.184.216.34:8443/a.pdf"),
    *("https://100.128.0.1/a.pdf", "https://172.32.0.1/a.pdf", "https://[2606:2800:220:1:248:1893:25c8:1946]/a.pdf"),
    "https://[2A00:1450:4001:81B::200E]:8443/a.pdf",
)
