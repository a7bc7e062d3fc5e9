import Stint
