// Ways in which a Node program ends. The second argument is a number that tells the runs apart.
const [, , how, n, told] = process.argv;
const tell = require('./tell')(told);
const ref = `run-${n}`;

class StartError extends Error {}

function inner() {
  throw new TypeError(`bad settings of ${ref}`);
}

console.log(`${ref} starts, error handler installed, 0 errors`);
tell.harmless('start', [`${ref} starts`]);
const last = `Node.js ${process.version}`;
switch (how) {
  case 'throw':
    tell.problem('uncaught with its cause', ['throw new StartError', `StartError: ${ref} cannot start`, `[cause]: TypeError: bad settings of ${ref}`, last],
      { exception: 'TypeError', text: `bad settings of ${ref}`, frame: 'inner' });
    try {
      inner();
    } catch (e) {
      throw new StartError(`${ref} cannot start`, { cause: e });
    }
    break;
  case 'reject':
    tell.problem('unhandled rejection', [`StartError: ${ref} was rejected`, 'at async load', last], { exception: 'StartError|Error', frame: 'fetchAll' });
    {
      const fetchAll = async () => { await null; throw new StartError(`${ref} was rejected`); };
      (async function load() { await fetchAll(); })();
    }
    break;
  case 'plain':
    tell.problem('rejection with no Error', ['UnhandledPromiseRejection: This error originated', `reason "${ref} is no Error"`, 'ERR_UNHANDLED_REJECTION', last], {});
    Promise.reject(`${ref} is no Error`);
    break;
  case 'aggregate':
    tell.problem('aggregate', ['AggregateError: ', `Error: first of ${ref}`, `Error: second of ${ref}`, last], { exception: 'AggregateError|Error' });
    throw new AggregateError([new Error(`first of ${ref}`), new Error(`second of ${ref}`)], `both of ${ref} failed`);
  case 'emitter':
    tell.problem('error event', ["throw er; // Unhandled 'error' event", "Emitted 'error' event on ", 'ECONNREFUSED', "port: 9", last], { exception: 'Error', text: 'connect ECONNREFUSED 127.0.0.1:9', count: 1 });
    require('net').connect(9, '127.0.0.1');
    break;
  case 'require':
    tell.problem('module not found', [`Error: Cannot find module './none-${ref}'`, 'Require stack:', "code: 'MODULE_NOT_FOUND'", last], { exception: 'Error' });
    require('./none-' + ref);
    break;
  case 'heap':
    tell.problem('out of memory', ['FATAL ERROR: ', 'JavaScript heap out of memory', '----- Native stack trace -----'], { severity: 'fatal' });
    {
      const all = [];
      for (;;) all.push(new Array(100000).fill(ref));
    }
}
