"""The one-machine environment: real Lambda zips, real Envoys and the AWS APIs around them, all on loopback."""
