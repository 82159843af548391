"""What the tests share: `pair` joins a client to a server, `peer` plays one end by hand, `strategies` draws inputs."""
