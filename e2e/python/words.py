def word(number):
    return "number %d" % number
