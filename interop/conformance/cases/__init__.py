"""The cases, one file a group, named by the RFC's word; `table` finds the files by itself.

| file                | group | RFC 9113        |
|---------------------|-------|-----------------|
| `preface`           | PRE   | §3              |
| `framing`           | FRM   | §4, §5.5        |
| `settings`          | SET   | §6.5            |
| `ping_and_goaway`   | PNG   | §6.7, §6.8, §7  |
| `streams`           | STR   | §5.1            |
| `flow_control`      | FLW   | §5.2, §6.9      |
| `hpack`             | HPK   | RFC 7541        |
| `field_blocks`      | HPK   | §4.3, §10.5.1   |
| `messages`          | MSG   | §8.2, §8.3      |
| `exchanges`         | MSG   | §8.1, §8.4, §8.5|
| `clients`           | CLI   | §6.6, §8, §9.1  |
| `priority`          | PRI   | §5.3, RFC 9218  |
"""
