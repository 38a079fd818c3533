// Work that is tried again and again, until it is done or refused for good.

const FIRST_MS = 1e3, LONGEST_MS = 30e3;

/**
 * `over`: a signal that ends it all. `judge(error, fails)`: "stop", or the least pause in ms before the next try.
 * Gives keep(name, work): at most one work of a name runs; asked for meanwhile, it runs once more. work(ok) calls ok() at
 * each success, so that pauses are short again.
 */
export const persistence = (over, judge) => {
  const jobs = {}, sleepers = new Set();
  const pause = (ms, isDeaf) =>
    new Promise((done) => {
      setTimeout(done, ms);
      if (!isDeaf) sleepers.add(done);
    });
  return {
    async keep(name, work) {
      if (jobs[name]) return void (jobs[name].again = true);
      const job = (jobs[name] = { again: true });
      let fails = 0;
      try {
        while (job.again && !over.aborted) {
          job.again = false;
          try {
            await work(() => (fails = 0));
          } catch (error) {
            const least = judge(error, fails);
            if (least === "stop") continue;
            job.again = true;
            const ms = Math.min(LONGEST_MS, FIRST_MS * 2 ** fails++) * (0.75 + Math.random() / 2);
            if (least !== "now") await pause(Math.max(least, ms), least);
            else if (fails > 3) await pause(ms); // it doesn't help
          }
        }
      } finally {
        delete jobs[name];
      }
    },
    /** Ends the pauses, but those that the server has asked for. */
    wake() {
      sleepers.forEach((done) => done());
      sleepers.clear();
    },
  };
};
