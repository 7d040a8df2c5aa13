"""A DataStream job whose Python function uses state, a module beside it, an archive and a package from requirements.txt."""
import json
import logging
import os

from pyflink.common import Types, WatermarkStrategy
from pyflink.datastream import KeyedProcessFunction, RuntimeContext, StreamExecutionEnvironment
from pyflink.datastream.connectors.number_seq import NumberSequenceSource
from pyflink.datastream.state import ValueStateDescriptor

from words import word

HERE = os.path.dirname(os.path.abspath(__file__))
logger = logging.getLogger(__name__)


def properties(group):
    with open("/etc/flink/application_properties.json") as f:
        return next(g["PropertyMap"] for g in json.load(f) if g["PropertyGroupId"] == group)


class Greeter(KeyedProcessFunction):
    """Greets each key once, which only its state can know after a restart."""

    def __init__(self, greeting):
        self.greeting = greeting

    def open(self, context: RuntimeContext):
        self.count = context.get_state(ValueStateDescriptor("count", Types.LONG()))
        with open("data/place.txt") as f:
            self.place = f.read()

    def process_element(self, value, ctx):
        from tinypackage import shout

        count = self.count.value() or 0
        self.count.update(count + 1)
        if count == 0:
            logger.info("%s %s from %s", self.greeting, word(value), shout(self.place))
        yield count


def main():
    print("main begins")
    env = StreamExecutionEnvironment.get_execution_environment()
    env.set_python_requirements(HERE + "/requirements.txt", HERE + "/wheels")
    numbers = env.from_source(NumberSequenceSource(1, 1 << 60), WatermarkStrategy.no_watermarks(), "numbers", Types.LONG())
    greeter = Greeter(properties("words")["greeting"])
    numbers.key_by(lambda n: n % 2).process(greeter, Types.LONG()).uid("greeter").filter(lambda n: n < 0).print()
    env.execute("stream")


if __name__ == "__main__":
    main()
