'use strict';
// What the server and the client share: the descriptions, payloads, and the options of the command line.

const path = require('node:path');
const { parseArgs } = require('node:util');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');

const definition = protoLoader.loadSync(path.join(__dirname, 'test.proto'), { keepCase: true, defaults: true });

exports.testing = grpc.loadPackageDefinition(definition).grpc.testing;
exports.ECHO_INITIAL = 'x-grpc-test-echo-initial';
exports.ECHO_TRAILING = 'x-grpc-test-echo-trailing-bin';

/** A payload of so many zeros, which is what the official programs send. */
exports.payload = (octets) => ({ body: Buffer.alloc(octets) });

/** The values of the options of these names; the program ends here where there is another. */
exports.optionsOf = (...names) => {
  try {
    return parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: 'string' }])) }).values;
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
};
